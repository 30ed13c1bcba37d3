"""ggml's own kernels by ctypes, from whichever installed package carries them.

A ctypes call drops the interpreter lock, so plain threads quantise in parallel. The kernels trust their caller: an
unknown type id reads past a table, and a type that needs an importance matrix aborts the whole process without
one. Everything is therefore checked here, before the call.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.errors import ModelpickError, UsageError
from modelpick.formats.ggml import GgmlType, row_bytes
from modelpick.quantisation.kinds import KINDS

if TYPE_CHECKING:
    import numpy as np

INSTALL = "pip install 'modelpick[quantise]'"

_CARRIERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("xllamacpp", ("xllamacpp*.so", "xllamacpp*.pyd")),
    ("pywhispercpp", ("../pywhispercpp.libs/*ggml-base*", "../*ggml-base*", "*ggml-base*", ".dylibs/*ggml-base*")),
    ("llama_cpp", ("lib/*ggml-base*",)),
)
"""Package, and where below it the file may lie, in the order they are tried."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """The quantising functions of one shared library. ``carrier`` and ``version`` say which."""

    carrier: str
    version: str
    path: Path
    _library: ctypes.CDLL

    def needs_imatrix(self, kind: GgmlType) -> bool:
        """Whether the kernel of this type aborts without an importance matrix."""
        return bool(self._library.ggml_quantize_requires_imatrix(kind.id))

    def quantise(self, kind: GgmlType, rows: np.ndarray, out: np.ndarray, weights: np.ndarray | None = None) -> int:
        """Quantise float32 ``rows`` (row count x row length, contiguous) into ``out`` (bytes); bytes written.

        ``weights`` is the importance of each column, float32, one per column.

        :raises UsageError: for a type that needs an importance matrix when none is given.
        """
        count, length = rows.shape
        size = row_bytes(kind.name, length) * count
        if kind.name not in KINDS or length % kind.block:
            raise ModelpickError(f"rows of {length} cannot be written as {kind.name}")
        if rows.dtype.str != "<f4" or not rows.flags.c_contiguous or out.nbytes < size:
            raise ModelpickError(f"rows for {kind.name} are {rows.dtype} of shape {rows.shape}")
        if weights is None and self.needs_imatrix(kind):
            raise UsageError(
                f"{kind.name} cannot be made without an importance matrix", hint="give one with --imatrix FILE"
            )
        if weights is not None and (weights.dtype.str != "<f4" or weights.size != length):
            raise ModelpickError(f"importance of {weights.size} columns for rows of {length}")
        written = self._library.ggml_quantize_chunk(
            kind.id,
            rows.ctypes.data,
            out.ctypes.data,
            0,
            count,
            length,
            None if weights is None else weights.ctypes.data,
        )
        if written != size:
            raise ModelpickError(f"ggml wrote {written} bytes of {kind.name} where {size} were due")
        return int(size)

    def valid(self, kind: GgmlType, data: np.ndarray, size: int) -> bool:
        """Whether every block in the first ``size`` bytes of ``data`` has finite scales."""
        return bool(self._library.ggml_validate_row_data(kind.id, data.ctypes.data, size))


def load() -> Kernels:
    """The first library that has the kernels and agrees about every type's block size.

    :raises ModelpickError: when no installed package carries them; the hint is the command that installs one.
    """
    for package, patterns in _CARRIERS:
        for path in _files(package, patterns):
            kernels = _open(package, path)
            if kernels is not None:
                return kernels
    names = ", ".join(package for package, _ in _CARRIERS)
    raise ModelpickError(f"no package with ggml's quantising kernels is installed ({names})", hint=INSTALL)


def available() -> bool:
    """Whether a carrier is installed; nothing is loaded."""
    return any(_files(package, patterns) for package, patterns in _CARRIERS)


def _files(package: str, patterns: tuple[str, ...]) -> list[Path]:
    spec = find_spec(package)
    if spec is None:
        return []
    folder = Path(next(iter(spec.submodule_search_locations or ()), str(Path(spec.origin or "").parent)))
    found: list[Path] = []
    for pattern in patterns:
        base = folder
        while pattern.startswith("../"):
            base, pattern = base.parent, pattern[3:]
        found.extend(path for path in sorted(base.glob(pattern)) if ".so" in path.name or _is_native(path))
    return found


def _is_native(path: Path) -> bool:
    return path.suffix in {".so", ".dylib", ".dll", ".pyd"}


def _open(package: str, path: Path) -> Kernels | None:
    """The kernels of that file, or None where it cannot be loaded, lacks a symbol or disagrees with our table."""
    try:
        library = ctypes.CDLL(str(path), mode=getattr(ctypes, "RTLD_LOCAL", 0))
        _declare(library)
    except (OSError, AttributeError):
        return None
    for kind in KINDS.values():
        if library.ggml_blck_size(kind.id) != kind.block or library.ggml_type_size(kind.id) != kind.bytes:
            return None
    return Kernels(package, _version(package), path, library)


def _declare(library: ctypes.CDLL) -> None:
    chunk = library.ggml_quantize_chunk
    chunk.restype = ctypes.c_size_t
    chunk.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_void_p,
    ]
    library.ggml_quantize_requires_imatrix.restype = ctypes.c_bool
    library.ggml_quantize_requires_imatrix.argtypes = [ctypes.c_int]
    library.ggml_validate_row_data.restype = ctypes.c_bool
    library.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_blck_size.argtypes = [ctypes.c_int]
    library.ggml_type_size.restype = ctypes.c_size_t
    library.ggml_type_size.argtypes = [ctypes.c_int]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    distribution = {"llama_cpp": "llama-cpp-python"}.get(package, package)
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown" if sys.platform else ""
