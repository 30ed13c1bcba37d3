"""A folder gets its name whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelpick.quantisation import folder


def test_it_appears_whole(tmp_path: Path) -> None:
    with folder.making(tmp_path / "out") as made:
        made.mkdir()
        (made / "weights").write_bytes(bytes(10))
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert folder.size(tmp_path / "out") == 10


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(ValueError, match="half"), folder.making(tmp_path / "out") as made:
        made.mkdir()
        raise ValueError("half")
    with pytest.raises(FileNotFoundError), folder.making(tmp_path / "out"):
        pass  # nothing was made
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_a_second_one_replaces_the_first_wholly(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with folder.making(tmp_path / "out") as made:
            made.mkdir()
            (made / name).touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "second"]


def test_the_terms_go_along(tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    made.mkdir()
    for name in ("LICENSE", "LICENSE.txt", "NOTICE.md", "README.md", "model.safetensors"):
        (source / name).write_text(name)
    (source / "LICENSES").mkdir()
    folder.copy_terms(source, made)
    assert sorted(path.name for path in made.iterdir()) == ["LICENSE", "LICENSE.txt", "NOTICE.md"]
