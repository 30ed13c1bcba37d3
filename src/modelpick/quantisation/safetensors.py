"""safetensors, read row by row with plain reads: a memory map would count every page read as resident.

Everything that a header or an index says is checked before a byte of data is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.formats.safetensors import SafetensorsHeader, read_safetensors
from modelpick.quantisation.interface import SourceTensor

INDEX = "model.safetensors.index.json"
_MAX_INDEX_BYTES = 64 * 1024 * 1024


class SafetensorsFolder:
    """The tensors of a folder with one or many shards. ``tensors`` is in file order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tensors: dict[str, SourceTensor] = {}
        self._files: list[int] = []
        try:
            for name in shard_names(folder):
                self._add(folder / name)
            check_index(folder, self.tensors)
        except BaseException:
            self.close()
            raise

    def _add(self, path: Path) -> None:
        if not path.is_file():
            raise IntegrityError(f"{path.name} is missing from {self.folder}", hint="download the model again")
        self._files.append(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
        for tensor in in_file_order(read_safetensors(path), path.name, shard=len(self._files) - 1):
            if tensor.name in self.tensors:
                raise IntegrityError(f"{tensor.name} stands in two shards, the second is {path.name}")
            self.tensors[tensor.name] = tensor

    def read(self, tensor: SourceTensor, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the tensor's bytes from ``offset`` on.

        :raises IntegrityError: when the file ends before that.
        """
        fill(self._files[tensor.shard], buffer, tensor.start + offset, tensor.name)

    @property
    def identity(self) -> str:
        """Sizes and times of the shards."""
        return repr([(status.st_size, status.st_mtime_ns) for status in map(os.fstat, self._files)])

    def close(self) -> None:
        """Close the shards."""
        for descriptor in self._files:
            os.close(descriptor)
        self._files.clear()


def fill(descriptor: int, buffer: memoryview, at: int, what: str) -> None:
    """Read exactly ``len(buffer)`` bytes at ``at``."""
    done = 0
    while done < len(buffer):
        if hasattr(os, "preadv"):
            count = os.preadv(descriptor, [buffer[done:]], at + done)
        else:  # Windows
            os.lseek(descriptor, at + done, os.SEEK_SET)
            chunk = os.read(descriptor, len(buffer) - done)
            count = len(chunk)
            buffer[done : done + count] = chunk
        if count == 0:
            raise IntegrityError(f"the file ends in the middle of {what}, {len(buffer) - done} bytes early")
        done += count


def shard_names(folder: Path) -> list[str]:
    """The shards of a folder: those of the index, else the single file, else every ``*.safetensors``.

    :raises NotFoundError: when there are none.
    :raises IntegrityError: when the index is damaged or names a file that is not a plain name in the folder.
    """
    index = folder / INDEX
    if index.is_file():
        return sorted(set(read_index(index).values()))
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        raise NotFoundError(f"no safetensors in {folder}", hint="give a folder with *.safetensors, or a GGUF file")
    if len(names) > 1:
        raise IntegrityError(
            f"{folder} has {len(names)} safetensors files and no {INDEX} that says what belongs together"
        )
    return names


def read_index(path: Path) -> Mapping[str, str]:
    """The index's map from tensor to shard."""
    if path.stat().st_size > _MAX_INDEX_BYTES:
        raise IntegrityError(f"{path.name} is larger than {_MAX_INDEX_BYTES} bytes")
    try:
        weights = json.loads(path.read_bytes())["weight_map"]
        pairs = {str(tensor): str(name) for tensor, name in weights.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path.name} cannot be read: {error}") from error
    if not pairs:
        raise IntegrityError(f"{path.name} names no tensors")
    for name in set(pairs.values()):
        if not is_plain(name):
            raise IntegrityError(f"{path.name} names a file outside its folder: {name!r}")
    return pairs


def is_plain(name: str) -> bool:
    """Whether ``name`` is a file name and nothing more: no folder, no drive, no parent."""
    return name not in {"", ".", ".."} and not any(char in name for char in "/\\:\0")


def check_index(folder: Path, found: Mapping[str, SourceTensor]) -> None:
    """Hold the shards against the index: every tensor it names must be there."""
    index = folder / INDEX
    if not index.is_file():
        return
    missing = sorted(set(read_index(index)) - set(found))
    if missing:
        raise IntegrityError(f"{len(missing)} tensors of {INDEX} are in no shard, the first is {missing[0]}")


def in_file_order(header: SafetensorsHeader, name: str, *, shard: int) -> list[SourceTensor]:
    """The tensors of a shard in the order of their data.

    :raises IntegrityError: when two of them overlap.
    """
    tensors = [
        SourceTensor(stored.name, stored.dtype, stored.shape, shard, header.data_offset + stored.begin, stored.bytes)
        for stored in sorted(header.tensors, key=lambda stored: stored.begin)
    ]
    for before, after in pairwise(tensors):
        if before.start + before.bytes > after.start:
            raise IntegrityError(f"{before.name} and {after.name} overlap in {name}")
    return tensors
