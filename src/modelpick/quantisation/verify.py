"""After the last row: the file is read back and held against the plan, to the byte."""

from __future__ import annotations

from pathlib import Path

from modelpick.errors import IntegrityError
from modelpick.formats.gguf import read_gguf
from modelpick.quantisation.gguf_header import Frame


def verify(path: Path, due: Frame, keys: int) -> None:
    """Hold a written file's header and size against the plan. Its blocks were validated as they were made.

    :raises IntegrityError: at the first difference.
    """
    found = read_gguf(path)
    if found.file_bytes != due.size:
        raise IntegrityError(f"{path.name} has {found.file_bytes:,} bytes, {due.size:,} were planned")
    if len(found.tensors) != len(due.tensors) or len(found.metadata) != keys:
        raise IntegrityError(
            f"{path.name} has {len(found.tensors)} tensors and {len(found.metadata)} keys, "
            f"{len(due.tensors)} and {keys} were planned"
        )
    for tensor, placed in zip(found.tensors, due.tensors, strict=True):
        plan, at = placed.plan, found.data_offset + tensor.offset
        if (tensor.name, tensor.shape, tensor.type.name, tensor.bytes, at) != (
            plan.name,
            plan.shape,
            plan.type,
            plan.bytes,
            placed.at,
        ):
            raise IntegrityError(f"{path.name} has {tensor.name} where {plan.name} was planned")
