"""Too little room: refused before the first byte, or gone on from when the disk fills in the middle."""

import errno
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.acquisition.conftest import QUICK, Events, Planner, wish
from tests.acquisition.weights import gguf
from tests.hubserver import Hub, Repo

from modelpick.acquisition.fetch import fetch
from modelpick.acquisition.interface import Artifact, HubSettings, Plan
from modelpick.acquisition.plan import make_plan
from modelpick.acquisition.store import free_bytes, require_room
from modelpick.errors import RoomError

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 MiB; mounting one takes root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_too_little_room_is_told_before_the_first_byte(
    hub: Hub, plan: Planner, download: Callable[..., Artifact]
) -> None:
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(2 * MIB)}))
    made = plan()
    size = made.total_bytes
    vast = replace(made, files=(replace(made.files[0], bytes=2**60),))
    with pytest.raises(RoomError, match=f"{2**60:,} bytes") as caught:
        download(vast)
    assert caught.value.details["needed_bytes"] == 2**60
    assert hub.sent() == 0 and size
    assert not hub.requests("/resolve/")


def test_what_is_here_needs_no_room(hub: Hub, plan: Planner) -> None:
    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(2 * MIB)}))
    made = plan()

    def asked(**changes: object) -> Plan:
        return replace(made, files=(replace(made.files[0], bytes=2**60, **changes),))

    require_room(asked(present=True))
    require_room(asked(partial_bytes=2**60 - 1))
    # The same file without them is refused, and the message counts only what is still to come.
    with pytest.raises(RoomError):
        require_room(asked())
    with pytest.raises(RoomError) as caught:
        require_room(asked(partial_bytes=2**59))
    assert caught.value.details["needed_bytes"] == 2**59


def test_room_is_asked_of_the_disk_that_will_hold_it(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.05)


def test_a_disk_that_fills_in_the_middle_is_gone_on_from(
    hub: Hub, settings: HubSettings, environment: dict[str, str], small_disk: Path
) -> None:
    files = {"m-Q4_K_M-00001-of-00002.gguf": gguf(9 * MIB), "m-Q4_K_M-00002-of-00002.gguf": gguf(6 * MIB, seed=2)}
    repo = hub.add(Repo("org/model-GGUF", dict(files)))
    there = HubSettings(settings.endpoint, small_disk / "hub")
    made = make_plan(wish(), there, environment, patience=QUICK)
    ballast = small_disk / "ballast"

    filled = False

    def fill(event: object) -> None:
        nonlocal filled
        if not filled:
            filled = True
            ballast.write_bytes(b"x" * (4 * MIB))  # Somebody else's file: 12 MiB are left for 15.

    with pytest.raises(RoomError, match="is full") as caught:
        fetch(made, there, observe=fill, inspect=lambda path, file: None, patience=QUICK)
    assert caught.value.hint and "goes on" in caught.value.hint
    assert hub.sent() >= 10 * MIB
    ballast.unlink()
    again = make_plan(wish(), there, environment, patience=QUICK)
    assert again.missing_bytes < made.total_bytes - 9 * MIB, "what came is gone on from"
    artifact = fetch(again, there, observe=Events(), inspect=lambda path, file: None, patience=QUICK)
    assert len(artifact.files) == 2
    assert [file.sha256 for file in artifact.files] == [hub.facts(repo.files[file.path])[1] for file in artifact.files]


def test_the_error_of_a_full_disk_is_told_as_one(hub: Hub, plan: Planner, download: Callable[..., Artifact]) -> None:
    """Where no small disk can be mounted: a limit on file sizes stops the write as a full disk does."""
    resource = pytest.importorskip("resource")
    import signal

    hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(6 * MIB)}))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MIB, before[1]))
        with pytest.raises(RoomError) as caught:
            download(plan())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.EFBIG
    again = plan()
    assert again.files[0].partial_bytes == 4 * MIB
    artifact = download(again)
    assert artifact.files[0].sha256 == again.files[0].sha256
