"""After the last row: the file is read back and held against the plan, to the byte."""

from __future__ import annotations

from pathlib import Path

from modelpick.errors import IntegrityError
from modelpick.quantisation.gguf_header import Frame
from modelpick.quantisation.gguf_read import read_header


def verify(path: Path, due: Frame, keys: int) -> None:
    """Hold a written file's header and size against the plan. Its blocks were validated as they were made.

    :raises IntegrityError: at the first difference.
    """
    found = read_header(path)
    if found.size != due.size:
        raise IntegrityError(f"{path.name} has {found.size} bytes, {due.size} were planned")
    if len(found.tensors) != len(due.tensors) or len(found.values) != keys:
        raise IntegrityError(f"{path.name} has {len(found.tensors)} tensors and {len(found.values)} keys")
    for tensor, placed in zip(found.tensors, due.tensors, strict=True):
        plan = placed.plan
        if (tensor.name, tuple(reversed(tensor.shape)), tensor.dtype, tensor.bytes, tensor.start) != (
            plan.name,
            plan.shape,
            plan.type,
            plan.bytes,
            placed.at,
        ):
            raise IntegrityError(f"{path.name} has {tensor.name} where {plan.name} was planned")
