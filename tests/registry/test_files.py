"""What is not a registry, or no longer one, is told apart before anything is read from it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from modelpick.errors import AccessError, IntegrityError, ModelpickError, NotFoundError, UsageError
from modelpick.registry.files import open_registry
from modelpick.registry.names import complete
from modelpick.registry.reader import open_registries
from modelpick.registry.verify import verify


def copy(small: Path, tmp_path: Path) -> Path:
    path = tmp_path / "registry.sqlite"
    path.write_bytes(small.read_bytes())
    return path


def set_pragma(path: Path, name: str, value: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {name} = {value}")


@pytest.mark.parametrize("part", [0.999, 0.5, 0.1])
def test_a_truncated_file_is_told_with_its_sizes(small: Path, tmp_path: Path, part: float) -> None:
    path = copy(small, tmp_path)
    whole = path.stat().st_size
    os.truncate(path, int(whole * part))
    with pytest.raises(IntegrityError, match=f"cut short: {int(whole * part):,} of {whole:,} bytes") as caught:
        open_registry(str(path), "user")
    assert caught.value.exit_code == 7 and caught.value.hint
    assert set(complete("small-1b", registry=str(path))) <= {"small-1b", "small-1b-instruct"}


@pytest.mark.parametrize("content", [b"", b"SQLite", b"hello " * 100, b"\x00" * 4096])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registry.sqlite"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is empty" if not content else "is not a modelpick registry"):
        open_registry(str(path), "user")


def test_a_database_of_another_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE model (slug TEXT)")
    with pytest.raises(IntegrityError, match="of another program"):
        open_registry(str(path), "user")


def test_a_newer_schema_is_told_with_both_versions(small: Path, tmp_path: Path) -> None:
    path = copy(small, tmp_path)
    set_pragma(path, "user_version", 99)
    with pytest.raises(IntegrityError, match="has schema version 99; this modelpick knows up to") as caught:
        open_registry(str(path), "user")
    assert "upgrade" in (caught.value.hint or "")


def test_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        open_registry(str(tmp_path), "user")


def test_what_is_not_a_plain_file_is_told() -> None:
    with pytest.raises((UsageError, NotFoundError)):
        open_registry(os.devnull, "user")


def test_a_missing_file_is_told_only_when_it_was_named(tmp_path: Path, own: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no registry at"):
        open_registries(tmp_path / "none.sqlite")
    with open_registries() as registry:  # the environment names one that is not there yet
        assert len(registry.layers) == 1
    assert not own.parent.exists()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights, which no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_file_without_permission_is_told(small: Path, tmp_path: Path) -> None:
    path = copy(small, tmp_path)
    path.chmod(0)
    with as_nobody(), pytest.raises(ModelpickError) as caught:
        open_registry(str(path), "user")
    assert isinstance(caught.value, AccessError), caught.value


@pytest.mark.parametrize("damage", [b"\xff" * 64, b"\x00" * 3000])
def test_damage_inside_is_an_integrity_error_or_harmless_and_verify_finds_it(
    small: Path, tmp_path: Path, damage: bytes
) -> None:
    """Every page is damaged in turn. Whatever is read then, nothing but an IntegrityError comes out."""
    whole = small.read_bytes()
    found = 0
    for page in range(1, len(whole) // 4096, 7):
        path = tmp_path / f"{page}.sqlite"
        at = page * 4096
        path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
        try:
            with open_registries(path) as registry:
                registry.models()
                registry.facts("small-1b")
                registry.candidates()
        except IntegrityError as error:
            assert str(path) in error.message
            found += 1
        complete("small", registry=str(path))
        try:
            found += any(not check.ok for check in verify(path, None, origin="user"))
        except IntegrityError:
            found += 1
    assert found


def test_a_registry_in_a_read_only_directory_is_read(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "read only 100% #1?"
    folder.mkdir()
    path = folder / "registry.sqlite"
    path.write_bytes(small.read_bytes())
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        with open_registries(path) as registry:
            assert registry.model("small-1b") is not None
        assert complete("small-1b", registry=str(path))[0] == "small-1b"
        assert [entry.name for entry in folder.iterdir()] == ["registry.sqlite"]
    finally:
        folder.chmod(0o755)
