"""Processes that are killed, and processes that meet: the command line as a user runs it, against a real server."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acquisition.weights import gguf
from tests.hubserver import Hub, Repo

MIB = 1 << 20
KILLS = 20
SIZE = 1024 * MIB
"""A kill loses what lay in the connection, some 4 MiB where the server is faster than the client."""


def start(hub: Hub, home: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "modelpick", "download", "org/model", "--accept-license", "--json", *more]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELPICK"))}
    places = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HOME": str(home)}
    places["MODELPICK_CONFIG"] = str(home / "no-config.toml")
    (home / "no-config.toml").parent.mkdir(parents=True, exist_ok=True)
    (home / "no-config.toml").touch()
    return subprocess.Popen(command, env=kept | places, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def assert_final_names_verify(home: Path) -> None:
    """Whatever stands under a name that a program would open holds the bytes that the name promises."""
    for blob in home.glob("hub/models--*/blobs/*"):
        if re.fullmatch(r"[0-9a-f]{64}", blob.name):
            with blob.open("rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == blob.name
    for pointer in home.glob("hub/models--*/snapshots/**/*"):
        assert pointer.is_dir() or re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", pointer.resolve(strict=True).name)


@pytest.mark.slow
def test_kill_9_at_20_random_moments(hub: Hub, tmp_path: Path) -> None:
    """Every run is killed at a random moment, the next goes on; less than a tenth comes twice in all."""
    content = gguf(SIZE)
    hub.add(Repo("org/model", {"m-Q4_K_M.gguf": content}, card={"license": "mit"}))
    size, sha, _ = hub.facts(content)
    chance = random.Random(20)
    for moment in sorted(chance.uniform(0.0, 0.98) for _ in range(KILLS)):
        running = start(hub, tmp_path)
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0.0, 0.8))  # Also while it starts, asks and hashes what it has.
        else:
            deadline = time.monotonic() + 60
            while hub.sent() < moment * size and running.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert_final_names_verify(tmp_path)
    ended = start(hub, tmp_path)
    _, said = ended.communicate(timeout=120)
    assert ended.returncode == 0, said
    assert_final_names_verify(tmp_path)
    blob = tmp_path / "hub/models--org--model/blobs" / sha
    assert blob.stat().st_size == size
    assert not list(blob.parent.glob("*partial*"))
    assert hub.sent() <= 1.10 * size, f"{hub.sent() / size:.3f} of the file came over the network"


@pytest.mark.slow
def test_two_processes_end_with_one_good_copy(hub: Hub, tmp_path: Path) -> None:
    content = gguf(48 * MIB)
    hub.add(Repo("org/model", {"m-Q4_K_M.gguf": content}, card={"license": "mit"}))
    hub.rate = 32 * MIB
    size, sha, _ = hub.facts(content)
    both = [start(hub, tmp_path), start(hub, tmp_path)]
    said = [running.communicate(timeout=120)[1] for running in both]
    assert [running.returncode for running in both] == [0, 0], said
    blobs = [path.name for path in (tmp_path / "hub/models--org--model/blobs").iterdir()]
    assert blobs == [sha]
    assert hub.sent() == size, "the second waited for the first and fetched nothing"
    assert_final_names_verify(tmp_path)


@pytest.mark.slow
def test_the_librarys_own_download_and_ours_wait_for_each_other(hub: Hub, tmp_path: Path) -> None:
    content = gguf(32 * MIB)
    hub.add(Repo("org/model", {"m-Q4_K_M.gguf": content}, card={"license": "mit"}))
    hub.rate = 32 * MIB
    size, sha, _ = hub.facts(content)
    program = "import sys, huggingface_hub as h; h.snapshot_download('org/model', cache_dir=sys.argv[1])"
    variables = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    library = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "hub")], env=variables, stderr=subprocess.DEVNULL
    )
    ours = start(hub, tmp_path)
    _, said = ours.communicate(timeout=120)
    assert (ours.returncode, library.wait(timeout=120)) == (0, 0), said
    assert [path.name for path in (tmp_path / "hub/models--org--model/blobs").iterdir()] == [sha]
    assert hub.sent() == size, "whoever came second found it there"
    assert_final_names_verify(tmp_path)


@pytest.mark.slow
def test_a_killed_first_process_hands_over_to_the_waiting_second(hub: Hub, tmp_path: Path) -> None:
    content = gguf(48 * MIB)
    hub.add(Repo("org/model", {"m-Q4_K_M.gguf": content}, card={"license": "mit"}))
    hub.rate = 16 * MIB
    size, _, _ = hub.facts(content)
    first = start(hub, tmp_path)
    while hub.sent() < size // 3:
        time.sleep(0.01)
    second = start(hub, tmp_path)
    while len(hub.requests("/tree/")) < 2:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    hub.rate = None
    _, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert hub.sent() <= 1.10 * size
    assert_final_names_verify(tmp_path)


def test_ctrl_c_leaves_what_came_and_ends_with_130(hub: Hub, tmp_path: Path) -> None:
    content = gguf(64 * MIB)
    hub.add(Repo("org/model", {"m-Q4_K_M.gguf": content}, card={"license": "mit"}))
    hub.rate = 16 * MIB
    size, _, _ = hub.facts(content)
    running = start(hub, tmp_path)
    while hub.sent() < size // 4:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said, error = running.communicate(timeout=60)
    assert running.returncode == 130 and not said, error
    assert b"Traceback" not in error
    hub.rate = None
    again = start(hub, tmp_path)
    assert again.communicate(timeout=60) and again.returncode == 0
    assert hub.sent() <= 1.10 * size
