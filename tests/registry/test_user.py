"""The user's own registry: made by the first write, never half written, never lost."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.registry.asking import ask
from tests.registry.conftest import SMALL

from modelpick.errors import AccessError, IntegrityError, NotFoundError, UsageError
from modelpick.registry.export import entry_of, toml_of
from modelpick.registry.listing import list_models
from modelpick.registry.reader import open_registries
from modelpick.registry.user import add, remove
from modelpick.registry.verify import verify

BLOCK = {
    "slug": "mine", "family": "Mine", "name": "Mine", "developer": "me", "relation": "base", "modality": "text",
    "tasks": ["chat"], "access": "open-weights", "downloadable": True, "confidence": "high", "sources": ["here"],
}  # fmt: skip


def write(path: Path, *blocks: dict[str, object]) -> Path:
    path.write_text(json.dumps({"model": list(blocks)}) if path.suffix == ".json" else toml_of(blocks))
    return path


def slugs(path: Path) -> list[str]:
    return [row[0] for row in ask(path, "SELECT slug FROM model ORDER BY slug")]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return write(tmp_path / "mine.toml", BLOCK)


def test_reading_makes_no_file(own: Path) -> None:
    with open_registries() as registry:
        assert registry.own_slugs() == []
    assert not own.parent.exists()


def test_the_first_addition_makes_the_file_and_its_directory(own: Path, mine: Path) -> None:
    assert add(own, mine) == ["mine"]
    with open_registries() as registry:
        model = registry.model("mine")
        assert model is not None and model.origin == "user"
        assert len(registry.models()) == len(registry.layers[1].execute("SELECT slug FROM model")) + 1
    assert sorted(entry.name for entry in own.parent.iterdir()) == ["registry.sqlite", "registry.sqlite.lock"]
    assert [check for check in verify(own, None, origin="user") if not check.ok] == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(BLOCK),
        json.dumps([BLOCK]),
        json.dumps({"model": [BLOCK]}),
        json.dumps({"schema": "modelpick.registry.export/1", "model": [BLOCK]}),
        json.dumps({"family": "Mine", "model": [{k: v for k, v in BLOCK.items() if k != "family"}]}),
    ],
)
def test_json_holds_one_or_many(own: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    add(own, file)
    assert slugs(own) == ["mine"]


def test_toml_holds_one_at_the_top_or_many(own: Path, tmp_path: Path) -> None:
    one, many = tmp_path / "one.toml", tmp_path / "many.toml"
    one.write_text(toml_of([BLOCK]).removeprefix("[[model]]\n"))
    many.write_text(SMALL)
    add(own, one)
    add(own, many)
    assert slugs(own) == ["mine", "small-1b", "small-1b-instruct"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[\n" + json.dumps(BLOCK) + ",\n" + json.dumps(BLOCK | {"tasks": []}) + "\n]", 3, "field 'tasks'"),
        ('{"model": [\n{"slug": "a"}\n]}', 2, "is missing"),
        ('{\n"slug": "a",\n"downloadable": 3\n}', 1, "is missing"),
        (json.dumps(BLOCK | {"downloadable": 3}, indent=0), 12, "field 'downloadable'"),
        ("{\n{", 2, "not JSON"),
        (json.dumps(BLOCK | {"notes": "\ud800"}), 1, "field 'notes'"),
        (json.dumps(BLOCK | {"arch": {"a": "\ud800"}}), 1, "field 'arch'"),
        (json.dumps(BLOCK | {"arch": {"a": float("inf")}}), 1, "field 'arch'"),
        ("[" * 100_000, 0, "nested too deeply"),
        ("[]", 0, "no model in this file"),
        ('"text"', 1, "valid dictionary"),
    ],
)
def test_wrong_json_is_told_with_its_line(own: Path, tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(UsageError) as caught:
        add(own, file)
    assert said in caught.value.message
    assert not line or f"wrong.json, line {line}" in caught.value.message
    assert not own.exists()


def test_a_misspelt_block_is_told_and_not_passed_over(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(toml_of([BLOCK]) + toml_of([BLOCK | {"slug": "other"}]).replace("[[model", "[[modell"))
    with pytest.raises(UsageError, match=r"line \d+: 'modell' is unknown"):
        add(own, file)
    assert not own.exists()


def test_a_file_too_large_to_read_is_refused_by_its_size(own: Path, mine: Path) -> None:
    os.truncate(mine, 65 * 1024 * 1024)
    with pytest.raises(UsageError, match=r"has 68,157,440 bytes; the most is 67,108,864"):
        add(own, mine)


def test_all_or_nothing(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    before = own.read_bytes()
    file = write(tmp_path / "two.json", BLOCK | {"slug": "fine"}, BLOCK | {"license_key": "no-such-licence"})
    with pytest.raises(UsageError, match=r"two.json, line 1: field 'license_key'"):
        add(own, file)
    with pytest.raises(UsageError, match="stands at"):
        add(own, write(tmp_path / "twice.toml", BLOCK | {"slug": "twice"}, BLOCK | {"slug": "twice"}))
    assert own.read_bytes() == before


def test_what_is_refused_leaves_nothing_behind(own: Path, tmp_path: Path) -> None:
    for block in (BLOCK | {"license_key": "no-such-licence"}, BLOCK | {"slug": "gpt-4"}, BLOCK | {"tasks": ["x"]}):
        with pytest.raises(UsageError):
            add(own, write(tmp_path / "wrong.toml", block))
    assert not own.parent.exists()


def test_a_newer_bundled_registry_refreshes_its_rows_and_leaves_the_users(
    own: Path, small: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelpick.registry import layers

    add(own, mine)
    add(own, write(tmp_path / "over.toml", BLOCK | {"slug": "small-1b", "name": "My small one"}))
    before = own.read_bytes()
    monkeypatch.setattr(layers, "bundled_path", lambda: str(small))  # another edition: other rows, other date
    with open_registries() as registry:
        names = {row["slug"]: (row["name"], row["origin"]) for row in list_models(registry)}
    assert names == {
        "mine": ("Mine", "user"),
        "small-1b": ("My small one", "user"),
        "small-1b-instruct": ("Small 1B Instruct", "bundled"),
    }
    assert own.read_bytes() == before


def test_a_slug_that_is_taken_is_told_and_can_be_replaced(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    with pytest.raises(UsageError, match="is taken by a model of the user registry"):
        add(own, mine)
    add(own, write(tmp_path / "new.toml", BLOCK | {"name": "Newer"}), replace=True)
    assert ask(own, "SELECT name FROM model") == [("Newer",)]


def test_a_users_model_stands_over_a_bundled_one_until_it_is_removed(own: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "over.toml", BLOCK | {"slug": "mistral-7b-v0.1", "name": "My own Mistral"})
    with pytest.raises(UsageError, match="is taken by a model of the bundled registry"):
        add(own, file)
    add(own, file, replace=True)
    with open_registries() as registry:
        facts = registry.facts("mistral-7b-v0.1")
        assert facts is not None and facts.model.name == "My own Mistral" and facts.benchmarks == ()
        names = [row["name"] for row in list_models(registry) if row["slug"] == "mistral-7b-v0.1"]
        assert names == ["My own Mistral"]
    remove(own, ["mistral-7b-v0.1"])
    with open_registries() as registry:
        facts = registry.facts("mistral-7b-v0.1")
        assert facts is not None and facts.model.name == "Mistral 7B v0.1" and facts.benchmarks


def test_removal_takes_every_row_and_only_what_is_there(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    many = tmp_path / "many.toml"
    many.write_text(SMALL)
    add(own, many)
    with pytest.raises(NotFoundError, match="'gpt-4' is not in your registry"):
        remove(own, ["mine", "gpt-4"])
    remove(own, ["small-1b", "small-1b-instruct"])
    assert slugs(own) == ["mine"]
    for table in ("alias", "name_part", "variant", "source", "benchmark", "lineage", "architecture", "shelf"):
        assert {row[0] for row in ask(own, f"SELECT model FROM {table}")} <= {"mine"}


def test_what_is_exported_is_added_as_the_same(own: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.toml"
    many.write_text(SMALL)
    add(own, many)
    with open_registries() as registry:
        before = [registry.facts(slug) for slug in registry.own_slugs()]
    for name in ("again.toml", "again.json"):
        other = tmp_path / name / "registry.sqlite"
        add(other, write(tmp_path / f"export-{name}", *(entry_of(facts) for facts in before if facts)))
        with open_registries(other) as registry:
            assert [registry.facts(slug) for slug in registry.own_slugs()] == before


def test_every_bundled_model_is_exported_as_valid_text(tmp_path: Path) -> None:
    from modelpick.registry.sources import read_models

    with open_registries() as registry:
        entries = [entry_of(facts) for model in registry.models() if (facts := registry.facts(model.slug))]
    file = write(tmp_path / "all.toml", *entries)
    assert [entry.text.slug for entry in read_models(file)] == [entry["slug"] for entry in entries]


PLAIN = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=30)
VALUES = st.recursive(
    PLAIN | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(PLAIN, VALUES, max_size=4), PLAIN, st.lists(PLAIN, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_toml_that_is_written_reads_back_the_same(arch: dict[str, object], notes: str, special: list[str]) -> None:
    entry = {"slug": "x", "notes": notes, "special": special, "arch": arch, "base": [{"parent": notes}]}
    read = tomllib.loads(toml_of([entry]))["model"]
    assert read == [entry]


@pytest.mark.parametrize("content", [b"", b"not a registry", b"SQLite format 3\x00" + b"\x00" * 200])
def test_a_write_refuses_what_is_no_registry_and_leaves_it(own: Path, mine: Path, content: bytes) -> None:
    own.parent.mkdir()
    own.write_bytes(content)
    with pytest.raises(IntegrityError):
        add(own, mine)
    assert own.read_bytes() == content


def test_a_write_refuses_a_newer_schema_and_a_damaged_inside(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    whole = own.read_bytes()
    more = write(tmp_path / "more.toml", BLOCK | {"slug": "more"})
    own.write_bytes(whole[:60] + (99).to_bytes(4, "big") + whole[64:])
    with pytest.raises(IntegrityError, match="schema version 99"):
        add(own, more)
    half = len(whole) // 2
    broken = whole[:4096] + b"\xff" * (half - 4096) + whole[half:]
    own.write_bytes(broken)
    with pytest.raises(IntegrityError, match="is damaged"):
        add(own, more)
    assert own.read_bytes() == broken
    assert sorted(entry.name for entry in own.parent.iterdir()) == ["registry.sqlite", "registry.sqlite.lock"]


def test_a_directory_is_refused(tmp_path: Path, mine: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        add(tmp_path, mine)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, mine: Path) -> None:
    """A home that is read-only, in the forms that stop root too: below a file, and in /proc."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError, match="cannot write the registry"):
        add(tmp_path / "file" / "registry.sqlite", mine)
    if sys.platform == "linux":
        with pytest.raises(AccessError, match="cannot write the registry"):
            add(Path("/proc/modelpick/registry.sqlite"), mine)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_read_only_home_is_told_and_left_alone() -> None:
    public = Path(tempfile.mkdtemp(prefix="modelpick-test-"))  # others cannot enter pytest's own directories
    mine = write(public / "mine.toml", BLOCK)
    home = public / "readonly"
    home.mkdir()
    home.chmod(0o555)
    closed = public / "closed"
    closed.mkdir(mode=0)
    public.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(AccessError, match="cannot write the registry"):
            add(home / "registry.sqlite", mine)
        with pytest.raises(AccessError, match="cannot write the registry"):
            add(closed / "registry.sqlite", mine)
    finally:
        if root:
            os.seteuid(0)
        home.chmod(0o755)
        closed.chmod(0o755)
    assert [*home.iterdir(), *closed.iterdir()] == []
    shutil.rmtree(public)


ADD_MANY = """
import sys
from pathlib import Path
from modelpick.registry.user import add
own, folder, worker = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for number in range(25):
    add(own, folder / f"{worker}-{number}.json")
"""


def test_a_hundred_additions_from_four_processes_are_all_there(own: Path, tmp_path: Path) -> None:
    for worker in "abcd":
        for number in range(25):
            write(tmp_path / f"{worker}-{number}.json", BLOCK | {"slug": f"m-{worker}-{number}"})
    command = [sys.executable, "-c", ADD_MANY, str(own), str(tmp_path)]
    running = [subprocess.Popen([*command, worker], stderr=subprocess.PIPE, text=True) for worker in "abcd"]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert slugs(own) == sorted(f"m-{worker}-{number}" for worker in "abcd" for number in range(25))
    assert [check for check in verify(own, None, origin="user") if not check.ok] == []


ADD_SLOWLY = """
import sys
from pathlib import Path
from modelpick.registry import store
from modelpick.registry.user import add
flush = store._flush
def slow(path):
    print("written", flush=True)
    sys.stdin.readline()
    flush(path)
store._flush = slow
add(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_9_during_an_addition_leaves_the_old_registry(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    before = own.read_bytes()
    more = write(tmp_path / "more.toml", BLOCK | {"slug": "more"})
    command = [sys.executable, "-c", ADD_SLOWLY, str(own), str(more)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert own.read_bytes() == before
    assert len(list(own.parent.glob(".registry.sqlite.*.part"))) == 1
    add(own, more)  # the lock is free again, and what was left is swept
    assert slugs(own) == ["mine", "more"]
    assert list(own.parent.glob(".registry.sqlite.*.part")) == []


def test_a_reader_sees_the_old_file_or_the_new_one(own: Path, tmp_path: Path, mine: Path) -> None:
    add(own, mine)
    with open_registries() as reader:
        add(own, write(tmp_path / "more.toml", BLOCK | {"slug": "more"}))
        assert reader.own_slugs() == ["mine"]
    with open_registries() as reader:
        assert reader.own_slugs() == ["mine", "more"]


def test_a_writer_that_waits_too_long_says_who_holds_it_up(
    own: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelpick.registry import user

    monkeypatch.setattr(user, "WAIT_SECONDS", 0.1)
    own.parent.mkdir()
    with closing(sqlite3.connect(f"{own}.lock", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AccessError, match=r"registry.sqlite.lock: database is locked"):
            add(own, mine)
