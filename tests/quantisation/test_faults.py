"""What can go wrong with a source, a target, or in the middle: the final name never stands on what is not verified."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.quantisation import models
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest

from modelpick.errors import IntegrityError, ModelpickError, NotFoundError, RoomError, UsageError
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe
from modelpick.quantisation.verify import verify

Copied = Callable[[str], Path]


def nothing_left(folder: Path, *kept: str) -> None:
    """No file of ours stands in the folder: neither result nor part nor journal."""
    left = [path.name for path in folder.iterdir() if not path.is_dir() and path.name not in kept]
    assert left == []


def damaged_weights(folder: Path, name: str, value: float) -> None:
    """One weight of a tensor replaced."""
    _, shapes, _ = models.MODELS["odd"]()
    encoded = {}
    for tensor, shape in shapes.items():
        values = models.weights(tensor, shape)
        if tensor == name:
            values.reshape(-1)[values.size // 2] = value
        encoded[tensor] = ("F32", shape, values.astype("<f4").tobytes())
    models.write_safetensors(folder / "model.safetensors", encoded)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_number_is_named(value: float, copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    damaged_weights(folder, "model.layers.1.mlp.up_proj.weight", value)
    with pytest.raises(
        IntegrityError, match=r"layers\.1\.mlp\.up_proj.* NaN or infinite weights \(row 208, column 0\)"
    ):
        quantise(folder, "Q4_K_M")
    nothing_left(tmp_path)


def test_a_nan_in_bf16_is_found_in_a_norm_too(copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    start = 8 + length + header["model.norm.weight"]["data_offsets"][0]
    raw[start + 6 : start + 8] = b"\xc0\x7f"
    path.write_bytes(raw)
    with pytest.raises(IntegrityError, match=r"model\.norm\.weight .*row 3"):
        quantise(folder, "BF16")
    nothing_left(tmp_path)


def test_weights_that_f16_cannot_hold_are_refused(copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    damaged_weights(folder, "model.layers.0.mlp.up_proj.weight", 70000.0)
    with pytest.raises(IntegrityError, match=r"7e\+04; F16 holds 65,504"):
        quantise(folder, "F16")
    nothing_left(tmp_path)


def test_weights_that_overflow_a_blocks_scale_are_refused(copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    damaged_weights(folder, "model.layers.0.mlp.up_proj.weight", 1e9)
    with pytest.raises(IntegrityError, match="scales are not finite"):
        quantise(folder, "Q8_0")
    nothing_left(tmp_path)


@pytest.mark.parametrize("cut", [1, 4096, 200_000, "all"])
def test_a_truncated_shard(cut: int | str, copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    path = folder / "model.safetensors"
    size = path.stat().st_size
    os.truncate(path, 0 if cut == "all" else size - int(cut))
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        quantise(folder)
    nothing_left(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63, 100])
def test_a_wrong_header_length(length: int, copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    path.write_bytes(struct.pack("<Q", length) + raw[8:])
    with pytest.raises(IntegrityError):
        quantise(folder)
    nothing_left(tmp_path)


def test_a_shard_that_is_cut_while_it_is_read(
    copied: Copied, quantise: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelpick.quantisation import stream

    monkeypatch.setattr(stream, "BLOCK_ELEMENTS", 4096)
    folder = copied("odd")
    path = folder / "model.safetensors"

    def cut(done: int, total: int) -> None:
        if done > 0:
            os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(IntegrityError, match="the file ends in the middle of"):
        GgufEngine().quantise(folder, tmp_path / "out.gguf", Recipe("Q4_K_M", 2), cut)
    nothing_left(tmp_path)


def test_a_missing_shard(tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "sharded", shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(IntegrityError, match=r"model-00002-of-00003\.safetensors is missing"):
        quantise(folder)
    nothing_left(tmp_path)


def test_a_tensor_of_the_index_that_is_in_no_shard(tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "sharded", shards=2)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.layers.0.extra.weight"] = "model-00001-of-00002.safetensors"
    path.write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match=r"1 tensors of .*extra"):
        quantise(folder)


@pytest.mark.parametrize("name", ["../evil.safetensors", "/etc/passwd", "a/../../b.safetensors", "..", "c:\\x", "a\0b"])
def test_an_index_that_names_a_file_outside(name: str, tmp_path: Path, quantise: Callable) -> None:
    folder = models.build("odd", tmp_path / "sharded", shards=2)
    (tmp_path / "evil.safetensors").write_bytes(b"secret")
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.norm.weight"] = name
    path.write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match="outside its folder"):
        quantise(folder)


@pytest.mark.parametrize("dtype", ["F64", "I8", "U8", "I32"])
def test_a_stored_type_that_is_not_read(dtype: str, copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    _, shapes, _ = models.MODELS["odd"]()
    width = {"F64": 8, "I8": 1, "U8": 1, "I32": 4}[dtype]
    tensors = {n: ("BF16", s, models.bf16(models.weights(n, s))) for n, s in shapes.items()}
    shape = shapes["model.layers.0.mlp.up_proj.weight"]
    tensors["model.layers.0.mlp.up_proj.weight"] = (dtype, shape, bytes(width * shape[0] * shape[1]))
    models.write_safetensors(folder / "model.safetensors", tensors)
    with pytest.raises(NotFoundError, match=f"stored as {dtype}"):
        quantise(folder)
    nothing_left(tmp_path)


def test_an_unknown_stored_type_is_damage(copied: Copied, quantise: Callable) -> None:
    folder = copied("odd")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"BF16"', b'"BF17"', 1))
    with pytest.raises(IntegrityError, match="BF17"):
        quantise(folder)


def test_no_tokenizer(copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    folder = copied("odd")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(NotFoundError, match="no tokenizer"):
        quantise(folder)
    nothing_left(tmp_path)


@pytest.mark.parametrize("kind", ["IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ1_M", "IQ2_M"])
def test_a_type_that_needs_an_importance_matrix(kind: str, built: Copied, quantise: Callable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{kind} needs an importance matrix"):
        quantise(built("odd"), kind)
    nothing_left(tmp_path)


def test_the_kernels_are_never_called_without_a_matrix_they_need() -> None:
    """Without the question beforehand ggml aborts the process, so this very test would not come back."""
    from modelpick.formats.ggml import TYPES
    from modelpick.quantisation import ggml_bridge

    kernels = ggml_bridge.load()
    rows, out = np.zeros((1, 256), np.float32), np.zeros(1024, np.uint8)
    for kind in ("IQ2_XXS", "IQ2_XS", "IQ1_S"):
        with pytest.raises(UsageError, match="cannot be made without an importance matrix"):
            kernels.quantise(TYPES[kind], rows, out)
    for unknown in ("Q8_K", "MXFP4", "NVFP4"):
        with pytest.raises(ModelpickError, match="cannot be written"):
            kernels.quantise(TYPES[unknown], rows, out)
    with pytest.raises(ModelpickError, match="float64"):
        kernels.quantise(TYPES["Q8_0"], rows.astype(np.float64), out)
    with pytest.raises(ModelpickError, match="cannot be written"):
        kernels.quantise(TYPES["Q4_K"], np.zeros((1, 100), np.float32), out)


def test_a_target_that_exists(built: Copied, quantise: Callable, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    target.write_bytes(b"precious")
    with pytest.raises(UsageError, match="exists"):
        quantise(built("odd"))
    assert target.read_bytes() == b"precious"
    quantise(built("odd"), overwrite=True)
    assert target.read_bytes()[:4] == b"GGUF"
    nothing_left(tmp_path, "out.gguf")


def test_a_target_that_appears_in_the_meantime_is_not_overwritten(built: Copied, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"

    def interfere(done: int, total: int) -> None:
        target.write_bytes(b"precious")

    with pytest.raises(UsageError, match="exists"):
        GgufEngine().quantise(built("odd"), target, Recipe("Q8_0", 2), interfere)
    assert target.read_bytes() == b"precious"
    nothing_left(tmp_path, "out.gguf")


@pytest.mark.parametrize("how", ["same", "hard link", "symbolic link", "shard"])
def test_output_equal_to_input(how: str, built: Copied, copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    """llama.cpp destroys the input then (llama.cpp issue 12753)."""
    if how == "shard":
        folder = copied("odd")
        source, target = folder, folder / "model.safetensors"
    else:
        source = target = quantise(built("odd"), "BF16", tmp_path / "bf16.gguf").path
    if how == "hard link":
        target = tmp_path / "other.gguf"
        os.link(source, target)
    if how == "symbolic link":
        target = tmp_path / "other.gguf"
        target.symlink_to(source)
    held = (source if source.is_file() else target).read_bytes()
    with pytest.raises(UsageError, match="is the source itself"):
        quantise(source, "Q8_0", target, overwrite=True)
    assert (source if source.is_file() else target).read_bytes() == held


def test_targets_that_cannot_be_written(built: Copied, quantise: Callable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        quantise(built("odd"), target=tmp_path / "missing" / "out.gguf")
    with pytest.raises(UsageError, match="is a folder"):
        quantise(built("odd"), target=tmp_path)
    with pytest.raises(UsageError, match=r"/proc"):
        quantise(built("odd"), target=Path("/proc/out.gguf"))


def test_a_part_file_that_is_a_link_is_not_followed(built: Copied, quantise: Callable, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".out.gguf.part").symlink_to(victim)
    with pytest.raises(UsageError, match="symbolic link"):
        quantise(built("odd"))
    assert victim.read_bytes() == b"precious"


def test_two_runs_for_one_target(built: Copied, tmp_path: Path) -> None:
    seen: list[str] = []

    def second(done: int, total: int) -> None:
        if not seen:
            with pytest.raises(UsageError, match="another run") as caught:
                GgufEngine().quantise(built("odd"), tmp_path / "out.gguf", Recipe("Q8_0", 1), lambda d, t: None)
            seen.append(caught.value.message)

    GgufEngine().quantise(built("odd"), tmp_path / "out.gguf", Recipe("Q8_0", 1), second)
    assert seen
    assert digest(tmp_path / "out.gguf") == RECORDED["odd"]["Q8_0"]


def test_a_target_on_another_file_system(built: Copied, quantise: Callable) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == built("odd").stat().st_dev:
        pytest.skip("no other file system here")
    target = other / f"modelpick-{os.getpid()}.gguf"
    try:
        assert digest(quantise(built("odd"), "Q6_K", target).path) == RECORDED["odd"]["Q6_K"]
    finally:
        target.unlink(missing_ok=True)


def test_a_disk_without_room_is_seen_before_the_first_byte(
    built: Copied, quantise: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 500_000))
    with pytest.raises(RoomError, match=r"takes .* KiB, .* has 488\.3 KiB free"):
        quantise(built("odd"))
    nothing_left(tmp_path)


LIMITED = """
import resource, sys
from pathlib import Path
from modelpick.errors import RoomError
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    GgufEngine().quantise(Path(sys.argv[1]), Path(sys.argv[2]), Recipe("Q8_0", 2), lambda done, total: None)
except RoomError as error:
    print(error.exit_code, error.message)
"""


@pytest.mark.parametrize("limit", [10_000, 700_000])
def test_a_file_size_limit(limit: int, built: Copied, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(built("odd")), str(tmp_path / "out.gguf"), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("8 no room for out.gguf"), done.stdout + done.stderr
    nothing_left(tmp_path)


def test_a_disk_that_fills_in_the_middle(built: Copied, tmp_path: Path) -> None:
    """A tmpfs of its own: there is room when the run begins, and something else takes it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:

        def fill(done: int, total: int) -> None:
            if done and not (disk / "other").exists():
                with (disk / "other").open("wb", buffering=0) as file:
                    try:
                        while file.write(bytes(65536)):
                            pass
                    except OSError:
                        pass

        with pytest.raises(RoomError, match="No space left on device") as caught:
            GgufEngine().quantise(built("odd"), disk / "out.gguf", Recipe("Q8_0", 1), fill)
        assert caught.value.exit_code == 8
        nothing_left(disk, "other")
    finally:
        subprocess.run(["umount", disk], check=True)


SLOW = """
import sys, time
from pathlib import Path
from modelpick.quantisation import ggml_bridge, stream
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe
stream.BLOCK_ELEMENTS = 16384
recipe = Recipe("Q8_0", 2)
engine = GgufEngine()
def tell(done, total):
    print(done, flush=True)
    sys.stdin.readline()
engine.write(engine.plan(Path(sys.argv[1]), recipe), Path(sys.argv[2]), recipe, tell, journal_bytes=1)
print("done", flush=True)
"""


SLOW_COMMAND = """
import signal, sys
from modelpick.__main__ import main
from modelpick.quantisation import stream
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, also where the tests run in the back
stream.BLOCK_ELEMENTS = 16384
run = stream.run
def tell(done, total):
    print(done, flush=True)
    sys.stdin.readline()
stream.run = lambda task, source, sink, progress: run(task, source, sink, tell)
source, target = sys.argv[1:]
sys.argv[1:] = ["quantise", source, "--type", "Q8_0", "--out", target, "--threads", "2"]
main()
"""


def begun(source: Path, target: Path, steps: int, program: str = SLOW) -> subprocess.Popen[str]:
    """A run that has read so many blocks and waits before the next."""
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(source), str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    for _ in range(steps):
        assert child.stdout.readline()
        child.stdin.write("\n")
        child.stdin.flush()
    child.stdout.readline()
    return child


def test_a_journal_that_a_killed_run_was_writing_is_cleared(built: Copied, quantise: Callable, tmp_path: Path) -> None:
    (tmp_path / ".out.gguf.journal.new").write_text('{"plan": ')
    quantise(built("odd"), "Q8_0")
    nothing_left(tmp_path, "out.gguf")


@pytest.mark.parametrize("steps", [0, 1, 3, 7, 15, 30, 45, 60, 72, 79])
def test_kill_at_ten_moments_and_a_second_run(steps: int, built: Copied, quantise: Callable, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    child = begun(built("odd"), target, steps)
    while steps >= 45 and not (tmp_path / ".out.gguf.journal").exists():
        assert child.poll() is None
        time.sleep(0.01)  # the journal is written beside the work
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not target.exists()
    parts = [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    assert all(path.read_bytes()[:4] == bytes(4) for path in parts if path.stat().st_size)
    made = quantise(built("odd"), "Q8_0")
    assert digest(target) == RECORDED["odd"]["Q8_0"]
    assert made.resumed_tensors < len(made.tensors)
    if steps >= 45:
        assert made.resumed_tensors > 0
    nothing_left(tmp_path, "out.gguf")


ENDING = """
import os, sys
from pathlib import Path
from modelpick.quantisation import gguf_engine, partfile
from modelpick.quantisation.interface import Recipe
module, name, when = sys.argv[3:]
module = {"gguf_engine": gguf_engine, "partfile": partfile, "os": os}[module]
called = getattr(module, name)
def stopped(*given):
    if when == "after":
        called(*given)
    print("here", flush=True)
    sys.stdin.readline()
setattr(module, name, stopped)
engine = gguf_engine.GgufEngine()
engine.quantise(Path(sys.argv[1]), Path(sys.argv[2]), Recipe("Q8_0", 2), lambda done, total: None)
"""


@pytest.mark.parametrize(
    ("place", "named"),
    [
        (("gguf_engine", "verify", "before"), False),
        (("gguf_engine", "verify", "after"), False),
        (("partfile", "_sha256", "after"), False),
        (("os", "link", "before"), False),
        (("os", "link", "after"), True),
        (("partfile", "_sync_folder", "before"), True),
    ],
)
def test_kill_while_the_file_gets_its_name(
    place: tuple[str, str, str], named: bool, built: Copied, quantise: Callable, tmp_path: Path
) -> None:
    """It has its name only when it is whole, and a run after that touches it only to replace it."""
    target = tmp_path / "out.gguf"
    child = subprocess.Popen(
        [sys.executable, "-c", ENDING, str(built("odd")), str(target), *place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n"
    child.kill()
    child.communicate()
    assert target.exists() == named
    if named:
        assert digest(target) == RECORDED["odd"]["Q8_0"]
        with pytest.raises(UsageError, match="exists"):
            quantise(built("odd"), "Q8_0")

        def look(done: int, total: int) -> None:
            assert digest(target) == RECORDED["odd"]["Q8_0"], "the file that has the name is not written into"

        GgufEngine().quantise(built("odd"), target, Recipe("Q6_K", 2, overwrite=True), look)
        assert digest(target) == RECORDED["odd"]["Q6_K"]
    else:
        quantise(built("odd"), "Q8_0")
        assert digest(target) == RECORDED["odd"]["Q8_0"]
    nothing_left(tmp_path, "out.gguf")


def test_a_second_run_with_another_recipe_begins_anew(built: Copied, quantise: Callable, tmp_path: Path) -> None:
    child = begun(built("odd"), tmp_path / "out.gguf", 60)
    child.kill()
    child.communicate()
    assert quantise(built("odd"), "Q6_K").resumed_tensors == 0
    assert digest(tmp_path / "out.gguf") == RECORDED["odd"]["Q6_K"]


def test_a_second_run_on_other_weights_begins_anew(copied: Copied, quantise: Callable, tmp_path: Path) -> None:
    """Same names, same shapes, other numbers: what was done for the old ones must not be taken over."""
    folder = copied("odd")
    child = begun(folder, tmp_path / "out.gguf", 60)
    child.kill()
    child.communicate()
    _, shapes, _ = models.MODELS["odd"]()
    time.sleep(0.01)
    other = {n: ("BF16", s, models.bf16(models.weights(n, s, seed=1))) for n, s in shapes.items()}
    models.write_safetensors(folder / "model.safetensors", other)
    assert quantise(folder, "Q8_0").resumed_tensors == 0


@pytest.mark.parametrize("steps", [0, 40])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_kill_and_interrupt_clean_up(number: int, steps: int, built: Copied, tmp_path: Path) -> None:
    child = begun(built("odd"), tmp_path / "out.gguf", steps, SLOW_COMMAND)
    assert (tmp_path / ".out.gguf.part").stat().st_size > 0
    child.send_signal(number)
    child.communicate()
    assert child.returncode == 130
    nothing_left(tmp_path)


def test_a_result_that_does_not_verify_never_gets_the_name(
    built: Copied, quantise: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelpick.quantisation import gguf_engine

    def spoilt(path: Path, due: object, keys: int) -> None:
        with path.open("r+b") as file:
            file.seek(30)
            file.write(b"\xff" * 8)
        verify(path, due, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(gguf_engine, "verify", spoilt)
    with pytest.raises(IntegrityError):
        quantise(built("odd"))
    nothing_left(tmp_path)
