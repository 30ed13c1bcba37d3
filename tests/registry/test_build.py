"""The build: the same text gives the same bytes; a failure leaves the old file; wrong text is told with its place."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.registry.asking import ask

from modelpick.errors import AccessError, UsageError
from modelpick.registry.build import build
from modelpick.registry.interface import Ability, Catalogue, Judgement, ModelFacts
from modelpick.registry.reader import open_registries
from modelpick.registry.sources import read_sources
from modelpick.registry.verify import verify

MODELS = Path("models") / "small.toml"


def rewrite(data: Path, old: str, new: str) -> None:
    path = data / MODELS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_same_text_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "one.sqlite")
    build(data, tmp_path / "two.sqlite")
    assert (tmp_path / "one.sqlite").read_bytes() == (tmp_path / "two.sqlite").read_bytes()


def test_the_order_of_blocks_and_line_ends_make_no_difference(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "one.sqlite")
    path = data / MODELS
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    build(data, tmp_path / "two.sqlite")
    assert (tmp_path / "one.sqlite").read_bytes() == (tmp_path / "two.sqlite").read_bytes()


def test_a_changed_word_changes_the_bytes_and_verify_says_so(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "one.sqlite")
    rewrite(data, '"Somebody"', '"Somebody Else"')
    checks = {check.name: check for check in verify(tmp_path / "one.sqlite", data)}
    assert not checks["built anew from its text it is the same"].ok
    assert all(check.ok for name, check in checks.items() if not name.startswith("built anew"))


def test_what_is_built_holds_every_check(data: Path) -> None:
    build(data, data / "registry.sqlite")
    assert [check for check in verify(data / "registry.sqlite", data) if not check.ok] == []


def test_the_header_does_not_tell_which_library_wrote(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path / "one.sqlite")
    header = (tmp_path / "one.sqlite").read_bytes()[:100]
    assert header[24:28] == header[92:96] == (1).to_bytes(4, "big")
    assert int.from_bytes(header[96:100], "big") == 3_040_000


def test_nothing_is_left_in_the_free_space_of_pages(small: Path) -> None:
    """Libraries of different versions leave different bytes there: 3.40 and 3.51 built the same file after this."""
    content = small.read_bytes()
    trees = 0
    for page in range(0, len(content), 4096):
        header = page or 100
        if size := {2: 12, 5: 12, 10: 8, 13: 8}.get(content[header]):
            cells = int.from_bytes(content[header + 3 : header + 5], "big")
            first = int.from_bytes(content[header + 5 : header + 7], "big")
            assert not any(content[header + size + 2 * cells : page + first])
            trees += 1
    assert trees > 20
    assert ask(small, "PRAGMA integrity_check") == [("ok",)]


def test_judge_and_fit_are_asked_once_and_their_answers_kept(data: Path, tmp_path: Path) -> None:
    def judge(models, catalogue: Catalogue) -> dict[str, Judgement]:  # type: ignore[no-untyped-def]
        assert [facts.model.slug for facts in models] == ["small-1b", "small-1b-instruct"]
        assert catalogue.slug_of("Somebody/Small-1B") == "small-1b"
        parent = catalogue.facts("small-1b")
        assert parent is not None and parent.model.license_key == "apache-2.0"
        assert any(license.key == "apache-2.0" for license in catalogue.licenses())
        return {"small-1b": Judgement("yes", "consistent", '{"reason":"because"}')}

    def fit(models: list[ModelFacts]) -> list[Ability]:
        return [Ability("small-1b", "general", 42.0, 40.0, 44.0, "self-reported", 1)]

    build(data, tmp_path / "r.sqlite", judge=judge, fit=fit)
    rows = ask(tmp_path / "r.sqlite", "SELECT slug, commercial_use, verdict, ability FROM model ORDER BY slug")
    assert rows == [
        ("small-1b", "yes", '{"reason":"because"}', 42.0),
        ("small-1b-instruct", "unknown", "{}", None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ('name = "Small 1B"\n', "", "[[model]]", "field 'name' is missing"),
        ("params_total = 1000000000", 'params_total = "1B"', "params_total", "field 'params_total'"),
        ("params_total = 1000000000", "params_total = -1", "params_total", "field 'params_total'"),
        ("params_total = 1000000000", "params_total = 99999999999999999999", "params_total", "field 'params_total'"),
        ('developer = "Somebody"', 'develper = "Somebody"', "[[model]]", "field 'developer' is missing"),
        ('ollama_tag = "small:1b"', 'olama_tag = "small:1b"', "olama_tag", "did you mean 'ollama_tag'?"),
        ('released = "2024-05-01"', 'released = "May 2024"', "released", "field 'released'"),
        ('slug = "small-1b"', 'slug = "Small 1B"', "slug", "field 'slug'"),
        ("bytes = 700000000", 'bytes = "700 MB"', "bytes", "field 'variants.1.bytes'"),
        ("value = 41.5", 'value = "41.5"', "value", "field 'benchmarks.1.value'"),
        ("value = 41.5", "value = nan", "value", "field 'benchmarks.1.value'"),
        ('license_key = "apache-2.0"', 'license_key = "apache-2"', "[[model]]", "did you mean apache-2.0"),
        ('slug = "small-1b-instruct"', 'slug = "small-1b"', "[[model]]", "slug 'small-1b' stands at"),
        ('name = "Small 1B"', 'name = "Small', "name", "line 5"),
        (
            "params_total = 1000000000",
            "params_total = 10\nparams_active = 20",
            "params_active",
            "20 is more than the total 10",
        ),
        ("sources = []", "", "[[model]]", "field 'sources' is missing"),
    ],
)
def test_wrong_text_is_told_with_file_line_and_field(data: Path, old: str, new: str, at: str, said: str) -> None:
    rewrite(data, old, new)
    with pytest.raises(UsageError) as caught:
        build(data, data / "registry.sqlite")
    message = f"{caught.value.message} {caught.value.hint}"
    assert "small.toml" in message
    line = int(re.search(r"line (\d+)", message)[1])  # type: ignore[index]
    assert (data / MODELS).read_text().splitlines()[line - 1].startswith(at)
    assert said in message
    assert not (data / "registry.sqlite").exists()


def test_a_field_of_ten_megabytes_is_refused_without_repeating_it(data: Path) -> None:
    rewrite(data, '"Somebody"', f'"{"x" * 10_000_000}"')
    with pytest.raises(UsageError, match=r"line 6: field 'developer': .* 20000 characters") as caught:
        build(data, data / "registry.sqlite")
    assert len(caught.value.message) < 1000


def test_a_directory_without_sources_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no models"):
        read_sources(tmp_path)


def test_a_target_that_cannot_be_written_is_told(data: Path) -> None:
    (data / "file").write_text("not a directory")
    with pytest.raises(AccessError, match="cannot write the registry"):
        build(data, data / "file" / "registry.sqlite")


BUILD = """
import sys
from pathlib import Path
from modelpick.registry import store
settle = store.settle
def slow(path):
    print("writing", flush=True)
    sys.stdin.readline()
    settle(path)
import modelpick.registry.build as build
build.settle = slow
build.build(Path(sys.argv[1]), Path(sys.argv[1]) / "registry.sqlite")
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_9_during_a_build_leaves_the_old_registry(data: Path) -> None:
    target = data / "registry.sqlite"
    build(data, target)
    before = target.read_bytes()
    rewrite(data, '"Somebody"', '"Somebody Else"')
    command = [sys.executable, "-c", BUILD, str(data)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "writing\n"  # all rows are in the new file; it has not taken its place
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    process.stdin.close()
    assert target.read_bytes() == before
    assert [check for check in verify(target, None) if not check.ok] == []
    (left,) = data.glob(".registry.sqlite.*.part")
    build(data, target)
    assert target.read_bytes() != before
    assert left.exists()  # for all that the next build knows, another one is at work
    os.utime(left, (0, 0))
    build(data, target)
    assert not left.exists()


def test_the_bundled_registry_is_what_its_text_says() -> None:
    """The rebuild check of the project itself, with the judge and the fit that the program uses."""
    from modelpick.cli.registry_cmd.wiring import data_directory, fit, judge, measure

    data = data_directory(None, needed=True)
    assert data is not None
    checks = verify(data / "registry.sqlite", data, judge=judge, fit=fit, measure=measure)
    assert [check for check in checks if not check.ok] == []


def test_all_models_of_the_text_are_found_by_their_slug() -> None:
    with open_registries() as registry:
        slugs = [model.slug for model in registry.models()]
        assert len(slugs) >= 1131
        assert all(registry.slug_of(slug) == slug for slug in slugs)
        assert len(registry.licenses()) >= 154
        assert len(registry.accelerators()) >= 254
