"""Importance matrices in their GGUF form: for each tensor the summed squares of its inputs and how many there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.errors import IntegrityError, UsageError
from modelpick.formats.ggml import TYPES
from modelpick.quantisation.gguf_read import GgufFile
from modelpick.quantisation.interface import SourceTensor, TensorPlan

if TYPE_CHECKING:
    import numpy as np

    from modelpick.quantisation.ggml_bridge import Kernels

_SUM, _COUNT = ".in_sum2", ".counts"
_MAY_LACK = frozenset({"token_embd.weight", "output.weight"})


def read(path: Path) -> dict[str, np.ndarray]:
    """Importances by tensor, float32, experts by columns: mean squares, 1 where an expert saw nothing.

    :raises IntegrityError: when the file is not an importance matrix or has values that are not finite.
    """
    if not path.is_file():
        raise UsageError(f"there is no importance matrix at {path}")
    file = GgufFile(path)
    try:
        found = {}
        for name, sums in file.tensors.items():
            if name.endswith(_SUM):
                counts = file.tensors.get(name.removesuffix(_SUM) + _COUNT)
                found[name.removesuffix(_SUM)] = _means(file, sums, counts)
    finally:
        file.close()
    if not found:
        raise IntegrityError(f"{path.name} holds no importances (no tensor ends in {_SUM})")
    return found


def matched(
    found: Mapping[str, np.ndarray], plans: Sequence[TensorPlan], kernels: Kernels | None
) -> dict[str, np.ndarray]:
    """The importances of the tensors that will be quantised.

    :raises UsageError: when one does not fit its tensor, or is missing for a type that cannot do without.
    """
    weights = {}
    for plan in plans:
        if not TYPES[plan.type].quantised:
            continue
        mine = found.get(plan.name)
        experts = plan.shape[2] if len(plan.shape) > 2 else 1
        if mine is not None and mine.shape != (experts, plan.shape[0]):
            raise UsageError(
                f"the importance matrix is of another model: {plan.name} has {plan.shape[0]} columns and {experts} "
                f"experts, the matrix {mine.shape[1]} and {mine.shape[0]}"
            )
        if mine is not None:
            weights[plan.name] = mine
        elif kernels is not None and kernels.needs_imatrix(TYPES[plan.type]):
            raise UsageError(
                f"{plan.name} is to be {plan.type}, which cannot be made without its importances",
                hint="give an importance matrix that covers it with --imatrix FILE, or choose a larger type",
            )
        elif found and plan.name not in _MAY_LACK:
            raise UsageError(f"the importance matrix has nothing about {plan.name}")
    return weights


def _means(file: GgufFile, sums: SourceTensor, counts: SourceTensor | None) -> np.ndarray:
    import numpy as np

    if counts is None or sums.dtype != "F32" or counts.dtype != "F32" or sums.bytes > 1 << 28:
        raise IntegrityError(f"{sums.name} has no counts, or is not F32")
    totals, seen = _floats(file, sums), _floats(file, counts)
    totals = totals.reshape(seen.size, -1)
    means = np.where(seen[:, None] > 0, totals / np.maximum(seen[:, None], 1e-30), np.float32(1))
    if not np.isfinite(means).all() or (means < 0).any():
        raise IntegrityError(f"{sums.name} has values that are not finite")
    return np.ascontiguousarray(means, dtype=np.float32)


def _floats(file: GgufFile, tensor: SourceTensor) -> np.ndarray:
    import numpy as np

    raw = np.empty(tensor.bytes, np.uint8)
    file.read(tensor, 0, raw.data)
    return raw.view("<f4")
