"""FP8 weights and the scales that belong to them: one for the tensor, one per row, or one per block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, NotFoundError
from modelpick.quantisation import floats
from modelpick.quantisation.interface import SourceTensor, TensorSource
from modelpick.quantisation.layout import rows_of

if TYPE_CHECKING:
    import numpy as np

_SUFFIXES = ("_scale_inv", "_scale")
_DROPPED = ("activation_scale", "input_scale", "k_scale", "v_scale")


class Scales:
    """The factors of scaled tensors, by the weight's name."""

    def __init__(self) -> None:
        self._factors: dict[str, tuple[np.ndarray, tuple[int, int]]] = {}

    def add(self, weight: SourceTensor, factors: np.ndarray, block: tuple[int, int]) -> None:
        """Multiply ``weight`` by ``factors``, each standing for ``block`` rows by columns."""
        self._factors[weight.name] = (factors, block)

    def apply(self, name: str, rows: np.ndarray, first: int) -> None:
        """Scale rows ``first`` and following of that tensor in place."""
        import numpy as np

        if name not in self._factors:
            return
        factors, (down, across) = self._factors[name]
        index = np.arange(first, first + len(rows)) // down
        wide = np.repeat(factors, across, axis=1)[:, : rows.shape[1]] if across > 1 else factors
        rows *= wide[index]


def take_scales(source: TensorSource, quantisation: Any) -> tuple[dict[str, SourceTensor], Scales]:
    """The tensors without their scales, and the scales; both empty-handed where nothing is quantised.

    :raises NotFoundError: for a source that is already quantised in a way we do not undo.
    """
    scales = Scales()
    tensors = dict(source.tensors)
    method = quantisation.get("quant_method") if isinstance(quantisation, dict) else None
    if method is None and not any(tensor.dtype.startswith("F8") for tensor in tensors.values()):
        return tensors, scales
    if method not in {"fp8", None}:
        raise NotFoundError(
            f"the weights are already quantised ({method}); FP8, BF16, F16 and F32 can be read",
            hint="take the original weights, or --converter with llama.cpp's own converter",
        )
    block = quantisation.get("weight_block_size") if isinstance(quantisation, dict) else None
    for name, tensor in source.tensors.items():
        if name.endswith(_DROPPED):
            del tensors[name]
        elif suffix := next((end for end in _SUFFIXES if name.endswith(f".weight{end}")), None):
            weight = source.tensors.get(name.removesuffix(suffix))
            if weight is None:
                raise IntegrityError(f"{name} is the scale of a weight that is not there")
            del tensors[name]
            scales.add(weight, *_factors(source, weight, tensor, block))
    _check_all_scaled(tensors, scales)
    return tensors, scales


def _check_all_scaled(tensors: Mapping[str, SourceTensor], scales: Scales) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype.startswith("F8") and name not in scales._factors:
            raise IntegrityError(f"{name} is {tensor.dtype} and has no scale")


def _factors(
    source: TensorSource, weight: SourceTensor, scale: SourceTensor, block: Any
) -> tuple[np.ndarray, tuple[int, int]]:
    import numpy as np

    if scale.dtype not in floats.WIDTHS or scale.bytes > 1 << 28:
        raise IntegrityError(f"{scale.name} is {scale.dtype} of {scale.bytes} bytes")
    raw = np.empty(scale.bytes, np.uint8)
    source.read(scale, 0, raw.data)
    values = np.empty(scale.bytes // floats.WIDTHS[scale.dtype], np.float32)
    floats.decode(scale.dtype, raw, values)
    if not values.size or not floats.all_finite(values.reshape(1, -1)):
        raise IntegrityError(f"{scale.name} has factors that are not finite")
    rows, length = rows_of(weight.shape)
    if values.size == 1:
        return values.reshape(1, 1), (rows, 1)
    if values.size == rows:
        return values.reshape(rows, 1), (1, 1)
    if isinstance(block, list) and len(block) == 2 and all(type(side) is int and side > 0 for side in block):
        down, across = block
        shape = (-(-rows // down), -(-length // across))
        if values.size == shape[0] * shape[1] and (len(weight.shape) == 2 or rows % down == 0):
            return values.reshape(shape), (down, across)
    raise IntegrityError(f"{scale.name} has {values.size} factors for a weight of {list(weight.shape)}")
