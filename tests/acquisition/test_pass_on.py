"""Parts of a file that pass through: in order, gone on from where they broke, nothing on the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.acquisition.conftest import QUICK
from tests.hubserver import Generated, Hub, Repo

from modelpick.acquisition.hub import request_headers
from modelpick.acquisition.interface import HubSettings, RemoteFile
from modelpick.acquisition.progress import Meter
from modelpick.acquisition.transfer import Transfer
from modelpick.errors import IntegrityError, NetworkError

SIZE = 3_000_000
CONTENT = b"".join(map(bytes, Generated(SIZE, seed=3).all()))
PassOn = Callable[..., bytes]


@pytest.fixture
def pass_on(hub: Hub, settings: HubSettings, tmp_path: Path) -> PassOn:
    """What comes of a part of the file, with the repository published."""
    repo = hub.add(Repo("org/model", {"weights.bin": Generated(SIZE, seed=3)}))

    def run(start: int, stop: int, size: int = SIZE, most: int = 1 << 30) -> bytes:
        file = RemoteFile("weights.bin", size, None, None)
        came = bytearray()

        def write(piece: memoryview) -> int:
            came.extend(piece[:most])
            return len(piece[:most])

        url = f"{hub.endpoint}/org/model/resolve/{repo.commit}/weights.bin"
        meter = Meter(lambda event: None, size)
        Transfer(
            file, url, repo.name, None, settings, request_headers(settings), QUICK, meter, threading.Event()
        ).pass_on(start, stop, write)
        assert list(tmp_path.iterdir()) == []
        return bytes(came)

    return run


@pytest.mark.parametrize(("start", "stop"), [(0, SIZE), (0, 1), (0, 70_000), (1_000_001, 1_000_002), (2_000_000, SIZE)])
def test_the_part_comes_and_no_more(start: int, stop: int, pass_on: PassOn, hub: Hub) -> None:
    assert pass_on(start, stop) == CONTENT[start:stop]
    for _ in range(500):  # the server counts what has left it, and may be behind
        if hub.sent("weights.bin") >= stop - start:
            break
        time.sleep(0.01)
    assert hub.sent("weights.bin") == stop - start


def test_a_writer_may_take_a_little_at_a_time(pass_on: PassOn) -> None:
    assert pass_on(5, 300_000, most=1000) == CONTENT[5:300_000]


def test_it_goes_on_where_it_broke(pass_on: PassOn, hub: Hub) -> None:
    hub.fault("cdn", after=200_000, truncate=True, times=4)
    assert pass_on(100, SIZE) == CONTENT[100:]
    ranges = [headers["range"] for _, path, headers in hub.log if path.startswith("/cdn")]
    assert ranges == [f"bytes={100 + 200_000 * step}-{SIZE - 1}" for step in range(5)]


def test_a_server_without_ranges(pass_on: PassOn, hub: Hub) -> None:
    """From the first byte it serves; what broke later cannot be gone on from, and nothing passes twice."""
    hub.fault("cdn", ignore_range=True, times=99)
    assert pass_on(0, 50_000) == CONTENT[:50_000]
    with pytest.raises(NetworkError, match="no ranges"):
        pass_on(10, 50_000)


def test_a_broken_stream_is_not_begun_again(pass_on: PassOn, hub: Hub) -> None:
    hub.fault("cdn", after=1_000_000, truncate=True)
    hub.fault("cdn", ignore_range=True)
    with pytest.raises(NetworkError, match="no ranges"):
        pass_on(0, SIZE)


def test_another_size_than_the_listed_one(pass_on: PassOn) -> None:
    with pytest.raises(IntegrityError, match="lists 2,999,999 bytes, the server sends 3,000,000"):
        pass_on(0, 1000, size=SIZE - 1)


def test_a_server_that_stays_away(pass_on: PassOn, hub: Hub) -> None:
    hub.fault("cdn", status=503, times=99)
    with pytest.raises(NetworkError, match=r"answers 503 .3 times in a row., with 0 B of 2\.9 MiB passed") as caught:
        pass_on(0, 1000)
    assert caught.value.hint == "run the same command again", "nothing is here to go on from"
