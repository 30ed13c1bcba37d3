"""What goes into a bug report names nobody."""

from modelpick.hardware.redact import redacted


def test_home_user_host_and_uuids_are_taken_out() -> None:
    text = "/home/alice/.cache on tower: GPU-6f1c2d3e-1111-2222, alice@tower, palice"
    found = redacted(text, "/home/alice", "alice", "tower")
    assert found == "~/.cache on HOST: GPU-..., USER@HOST, palice"


def test_lines_are_joined_and_long_texts_are_cut() -> None:
    assert redacted("a\n\n  b\tc \0", "/") == "a | b c"
    assert redacted("x" * 500, "/") == "x" * 200 + "..."


def test_names_that_would_hide_everything_are_left() -> None:
    assert redacted("root is at /", "/", "root", "vm") == "root is at /"
