"""``modelpick download`` beside the library's own ``snapshot_download``: time, memory, and bytes after kill -9.

    python benchmarks/download.py [--gib 4] [--files 4] [--rounds 3] [--kills 20]

A Hub on the loopback, in a process of its own, serves the same files with sendfile; both clients run as processes of
their own, in turns. modelpick hashes every byte, the library none. Aims: at most 1.15 times the library's time, at
most 200 MB more memory, and after twenty kills at random moments at most a tenth fetched twice.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hubserver import Hub, Repo

GIB = 1 << 30
LIBRARY = "import sys, huggingface_hub as h; h.snapshot_download('org/model', cache_dir=sys.argv[1])"


def serve(folder: Path) -> None:
    """The server's process: prints its address, then the bytes sent whenever a line comes in."""
    with Hub() as hub:
        files = {path.name: path for path in sorted(folder.iterdir())}
        hub.add(Repo("org/model", {**files, "config.json": b"{}"}, card={"license": "mit"}))
        hub.tree(hub.repos["org/model"])  # Hash the files before anybody waits for it.
        print(hub.endpoint, flush=True)
        for _ in sys.stdin:
            print(hub.sent(), flush=True)


def weights(folder: Path, total: int, files: int) -> None:
    """Valid safetensors shards that together hold ``total`` bytes."""
    from tests.acquisition.weights import safetensors

    for number in range(1, files + 1):
        content = safetensors(total // files, seed=number, name=f"layer.{number}")
        with (folder / f"model-{number:05}-of-{files:05}.safetensors").open("wb") as file:
            for piece in content.all():
                file.write(piece)


class Server:
    """The server's process, and the bytes it has sent."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, __file__, "--serve", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stdin
        self.endpoint = self.process.stdout.readline().strip()

    def sent(self) -> int:
        """Body bytes since the start."""
        assert self.process.stdout and self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def start(program: str, home: Path, endpoint: str) -> subprocess.Popen[bytes]:
    """One client on an empty or half-filled home."""
    home.mkdir(parents=True, exist_ok=True)
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELPICK"))},
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if program == "library":
        command = [sys.executable, "-c", LIBRARY, str(home / "hub")]
    else:
        command = [sys.executable, "-m", "modelpick", "download", "org/model", "--format", "safetensors"]
        command += ["--accept-license", "--json", "--progress", "none"]
    return subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)


def timed(program: str, home: Path, endpoint: str) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and peak resident MB of one whole download."""
    shutil.rmtree(home, ignore_errors=True)
    begun = time.perf_counter()
    running = start(program, home, endpoint)
    _, status, usage = os.wait4(running.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{program} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def compare(scratch: Path, server: Server, rounds: int) -> None:
    """Both programs in turns, and the ratio of their medians."""
    results: dict[str, list[tuple[float, float, float]]] = {"library": [], "modelpick": []}
    for number in range(rounds):
        for program in ("library", "modelpick") if number % 2 == 0 else ("modelpick", "library"):
            results[program].append(timed(program, scratch / program, server.endpoint))
            seconds, processor, megabytes = results[program][-1]
            print(
                f"round {number + 1}  {program:9}  {seconds:6.2f} s  CPU {processor:5.2f} s  {megabytes:4.0f} MB",
                flush=True,
            )
            shutil.rmtree(scratch / program)
    middle = {name: statistics.median(row[0] for row in rows) for name, rows in results.items()}
    peak = {name: max(row[2] for row in rows) for name, rows in results.items()}
    print(f"time: {middle['modelpick'] / middle['library']:.2f} of the library's (aim: at most 1.15)")
    print(f"memory: {peak['modelpick'] - peak['library']:+.0f} MB (aim: at most +200)")


def killed(scratch: Path, server: Server, size: int, kills: int) -> None:
    """Kill -9 at random moments, each run going on from the last; then one to the end."""
    home, before, chance = scratch / "killed", server.sent(), random.Random(kills)
    for moment in sorted(chance.uniform(0, 0.98) for _ in range(kills)):
        running = start("modelpick", home, server.endpoint)
        blobs = home / "hub/models--org--model/blobs"
        while running.poll() is None:
            here = sum(path.stat().st_size for path in blobs.glob("*")) if blobs.exists() else 0
            if here >= moment * size:
                break
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        running.wait()
    if start("modelpick", home, server.endpoint).wait():
        raise SystemExit("the last run failed")
    time.sleep(0.5)  # The server counts a file when the connection has taken it.
    share = (server.sent() - before) / size - 1
    print(f"kill -9, {kills} times: {100 * share:.1f} % came twice by the server's count (aim: at most 10 %)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=4)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    with tempfile.TemporaryDirectory() as name:
        scratch, folder = Path(name), Path(name) / "served"
        folder.mkdir()
        weights(folder, int(given.gib * GIB), given.files)
        server = Server(folder)
        try:
            if given.rounds:
                compare(scratch, server, given.rounds)
            if given.kills:
                killed(scratch, server, sum(path.stat().st_size for path in folder.iterdir()), given.kills)
        finally:
            server.close()


if __name__ == "__main__":
    main()
