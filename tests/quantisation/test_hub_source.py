"""Shards that pass by: what was read before they passed is held against what passes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.quantisation import models
from tests.quantisation.recorded import RECORDED
from tests.quantisation.results import digest

from modelpick.acquisition.interface import RemoteFile
from modelpick.errors import IntegrityError, ModelpickError, NetworkError
from modelpick.quantisation import ggml_bridge
from modelpick.quantisation.architectures.config import read_config
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.hub_flow import Early, Fetch
from modelpick.quantisation.hub_source import FIRST_BYTES, HubSource
from modelpick.quantisation.interface import Quantised, Recipe
from modelpick.quantisation.prepare import from_tensors

Fetched = list[tuple[str, int, int]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.build("odd", tmp_path / "odd", shards=3)


def published(folder: Path) -> list[RemoteFile]:
    paths = sorted(folder.glob("*.safetensors"))
    return [RemoteFile(p.name, p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest()) for p in paths]


def serving(folder: Path, fetched: Fetched, change: Callable[[str, int, int, bytes], bytes] | None = None) -> Fetch:
    """The files of the folder in pieces that fit nothing; ``change`` spoils a fetch's bytes, or cuts them short."""

    def fetch(file: RemoteFile, start: int, stop: int, write: Callable[[memoryview], int]) -> None:
        fetched.append((file.path, start, stop))
        data = (folder / file.path).read_bytes()[start:stop]
        data = change(file.path, start, stop, data) if change else data
        for at in range(0, len(data), 9973):
            write(memoryview(data)[at : at + 9973])
        if len(data) < stop - start:
            raise NetworkError("the connection broke")

    return fetch


def whole(source: HubSource, name: str) -> bytes:
    tensor = source.tensors[name]
    buffer = bytearray(tensor.bytes)
    source.read(tensor, 0, memoryview(buffer))
    return bytes(buffer)


def test_everything_passes_once_and_is_what_it_was(folder: Path) -> None:
    fetched: Fetched = []
    source = HubSource(published(folder), serving(folder, fetched))
    headers, fetched[:] = list(fetched), []
    assert headers == [(file.path, 0, FIRST_BYTES) for file in published(folder)]
    source.begin()
    shapes = models.MODELS["odd"]()[1]
    for name in source.tensors:
        assert whole(source, name) == models.bf16(models.weights(name, shapes[name]))
    assert source.marks() == tuple(file.path for file in published(folder)[:2])
    source.finish()
    assert source.marks() == tuple(file.path for file in published(folder))
    assert fetched == [(file.path, 0, file.bytes) for file in published(folder)]


def test_a_header_whose_names_are_exchanged(folder: Path) -> None:
    """Both shards of names have the published hash when they pass; what was read first says otherwise."""

    def exchange(path: str, start: int, stop: int, data: bytes) -> bytes:
        if stop - start > FIRST_BYTES:
            return data
        return data.replace(b"up_proj", b"XX").replace(b"gate_proj", b"up_proj").replace(b"XX", b"gate_proj")

    source = HubSource(published(folder), serving(folder, [], exchange))
    source.begin()
    with pytest.raises(IntegrityError, match=r"bytes 0 to .* of model-00001-of-00003\.safetensors were others before"):
        source.finish()
    assert source.marks() == ()


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_tensor_that_is_read_by_itself(spoilt: bool, folder: Path) -> None:
    name = "model.layers.1.mlp.down_proj.weight"
    at = HubSource(published(folder), serving(folder, [])).tensors[name].start

    def flip(path: str, start: int, stop: int, data: bytes) -> bytes:
        return bytes([data[0] ^ spoilt]) + data[1:] if start == at else data

    source = HubSource(published(folder), serving(folder, [], flip))
    before = source.identity
    whole(source, name)
    assert source.identity != before, "a run that read something else early is another run"
    source.begin()
    if spoilt:
        with pytest.raises(IntegrityError, match="were others before"):
            source.finish()
    else:
        source.finish()
        assert len(source.marks()) == 3


def test_what_an_earlier_run_marked_is_left_out(folder: Path) -> None:
    fetched: Fetched = []
    files = published(folder)
    source = HubSource(files, serving(folder, fetched))
    source.begin()
    assert source.take_up([files[0].path, files[1].path, "another"]) == {0, 1}
    fetched.clear()
    source.finish()
    assert fetched == [(files[2].path, 0, files[2].bytes)]


def test_a_marked_shard_that_is_needed_passes_again_and_counts_only_when_it_has(folder: Path) -> None:
    fetched: Fetched = []
    files = published(folder)
    source = HubSource(files, serving(folder, fetched))
    source.begin()
    source.take_up([file.path for file in files])
    fetched.clear()
    name = next(name for name, tensor in source.tensors.items() if tensor.shard == 1)
    whole(source, name)
    assert source.marks() == (files[0].path, files[2].path)
    source.finish()
    assert source.marks() == tuple(file.path for file in files)
    assert fetched == [(files[1].path, 0, files[1].bytes)]


def test_what_has_passed_is_not_read_unchecked(folder: Path) -> None:
    source = HubSource(published(folder), serving(folder, []))
    source.begin()
    first, second = list(source.tensors)[:2]
    whole(source, second)
    with pytest.raises(ModelpickError, match="after it has passed"):
        whole(source, first)
    source.close()


def stream(folder: Path, target: Path, fetch: Fetch, type: str = "Q6_K") -> Quantised:
    """As the command does it."""
    source, recipe = HubSource(published(folder), fetch), Recipe(type, 2)
    prepared = from_tensors(source, read_config(folder / "config.json"), folder, recipe, ggml_bridge.load())
    source.begin()
    return GgufEngine().write(prepared, target, recipe, lambda done, total: None, passage=source)


@pytest.mark.parametrize("broken", range(5))
@pytest.mark.parametrize("spoilt", [False, True])
def test_experts_that_stand_in_two_shards(broken: int, spoilt: bool, tmp_path: Path) -> None:
    """What was made of shards that passed stays, also in a tensor whose other experts are still to come."""
    folder, target = models.build("mixtral", tmp_path / "mixtral", shards=5), tmp_path / "out.gguf"

    def breaks(path: str, start: int, stop: int, data: bytes) -> bytes:
        if f"{broken + 1:05}-of" in path and stop - start > FIRST_BYTES:
            middle = len(data) // 2
            return data[: middle - 1] + bytes([data[middle - 1] ^ 64 * spoilt])
        return data

    with pytest.raises(NetworkError):
        stream(folder, target, serving(folder, [], breaks))
    fetched: Fetched = []
    made = stream(folder, target, serving(folder, fetched))
    assert digest(target) == RECORDED["mixtral"]["Q6_K"]
    whole = [path for path, start, stop in fetched if stop - start > FIRST_BYTES]
    files = [file.path for file in published(folder)]
    assert whole == files[broken:]
    assert (made.resumed_tensors > 0) == (broken > 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mixtral", "out.gguf"]


@pytest.mark.parametrize("step", [1, 3, 7, 100])
@pytest.mark.parametrize(("start", "stop"), [(0, 5), (3, 4), (10, 30), (0, 30)])
def test_early_bytes_are_found_in_pieces_of_any_size(step: int, start: int, stop: int) -> None:
    data = bytes(range(30))
    for spoilt in (None, start, stop - 1):
        early, passing = Early(start, data[start:stop]), bytearray(data)
        if spoilt is not None:
            passing[spoilt] ^= 1
        for at in range(0, 30, step):
            early.see(at, memoryview(passing)[at : at + step])
        assert early.passed_the_same() == (spoilt is None)
