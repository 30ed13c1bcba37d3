"""Reading what lies at a path into values: a GGUF file, a safetensors file, or a model directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

from modelpick.errors import IntegrityError, UsageError
from modelpick.estimation.architecture import from_config
from modelpick.estimation.gguf_metadata import from_gguf
from modelpick.estimation.interface import Architecture, VariantSpec
from modelpick.formats.gguf import GgufHeader, read_gguf
from modelpick.formats.safetensors import SafetensorsHeader, read_safetensors
from modelpick.values import dataclass, replace

MOST_CONFIG_BYTES = 16 * 1024 * 1024
MOST_FILES = 4096


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors of one role and type: how many, of how many elements, in how many bytes."""

    role: str
    type: str
    tensors: int
    params: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Inspected:
    """What lies at a path. Sizes are bytes; ``header_bytes`` is what is not weights."""

    path: Path
    format: str
    files: tuple[Path, ...]
    file_bytes: int
    tensor_bytes: int
    params: int
    quantisation: str | None
    license: str | None
    name: str | None
    architecture: Architecture
    variant: VariantSpec
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()


def inspect_path(path: Path) -> Inspected:
    """What lies at ``path``.

    :raises UsageError: when there is nothing that can be read there.
    :raises IntegrityError: when a file is damaged.
    """
    if not path.exists():
        raise UsageError(
            f"{path}: there is no such file or directory",
            hint="give a .gguf or .safetensors file or a model's directory",
        )
    if path.is_dir():
        return _directory(path)
    if path.suffix.lower() == ".safetensors":
        return _safetensors(path, (path,), {})
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"GGUF" or path.suffix.lower() == ".gguf":
        return _gguf(path)
    raise UsageError(
        f"{path}: neither GGUF nor safetensors (it begins with {magic.hex() or 'nothing'})",
        hint="give a .gguf or .safetensors file, or a directory with config.json",
    )


def _directory(path: Path) -> Inspected:
    config = _json(path / "config.json")
    stored = sorted(path.glob("*.safetensors"))[:MOST_FILES]
    if stored:
        return _safetensors(path, tuple(stored), config)
    ggufs = [file for file in sorted(path.glob("*.gguf")) if "mmproj" not in file.name.lower()]
    if len(ggufs) == 1:
        projector = sum(file.stat().st_size for file in path.glob("*mmproj*.gguf")) or None
        found = _gguf(ggufs[0])
        return replace(found, variant=replace(found.variant, projector_bytes=projector))
    if ggufs:
        names = ", ".join(file.name for file in ggufs[:4])
        raise UsageError(f"{path}: several GGUF files: {names}", hint=f"name one: modelpick inspect {ggufs[0]}")
    if not config:
        raise UsageError(
            f"{path}: no config.json, no .safetensors and no .gguf file in it", hint="give a model's directory"
        )
    architecture = from_config(config)
    variant = VariantSpec("safetensors", _scheme(config))
    return Inspected(
        path, "config", (path / "config.json",), 0, 0, 0, _scheme(config), _license(path), None, architecture, variant,
        (), ("no weights here: sizes are computed from config.json",),
    )  # fmt: skip


def _gguf(path: Path) -> Inspected:
    header = read_gguf(path)
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    params = sum(prod(tensor.shape) for tensor in header.tensors)
    architecture = from_gguf(header.metadata, shapes, params)
    mix = _mix(header)
    rows = [(tensor.name, tensor.type.name, prod(tensor.shape), tensor.bytes) for tensor in header.tensors]
    notes = []
    parts = header.number("split.count") or 1
    if parts > 1:
        notes.append(f"one of {parts} parts: the sizes are this part's; the plan needs the whole")
    if header.big_endian:
        notes.append("big-endian: only big-endian machines can run it")
    variant = VariantSpec("gguf", mix, file_bytes=header.file_bytes, file_origin="measured")
    return Inspected(
        path=path,
        format="gguf",
        files=(path,),
        file_bytes=header.file_bytes,
        tensor_bytes=header.tensor_bytes,
        params=params,
        quantisation=mix,
        license=header.text("general.license"),
        name=header.text("general.name"),
        architecture=architecture,
        variant=variant,
        groups=_grouped(rows),
        notes=tuple(notes),
    )


_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip


def _mix(header: GgufHeader) -> str | None:
    """The mix that the file says it is; else the type that holds most of its bytes."""
    number = header.number("general.file_type")
    if number in _FILE_TYPES:
        return _FILE_TYPES[number]
    held: dict[str, int] = {}
    for tensor in header.tensors:
        held[tensor.type.name] = held.get(tensor.type.name, 0) + tensor.bytes
    return max(held, key=lambda name: held[name]) if held else None


def _safetensors(path: Path, files: Sequence[Path], config: Mapping[str, object]) -> Inspected:
    headers: list[SafetensorsHeader] = [read_safetensors(file) for file in files]
    rows = [
        (tensor.name, tensor.dtype, prod(tensor.shape), tensor.bytes) for header in headers for tensor in header.tensors
    ]
    params = sum(row[2] for row in rows)
    scheme = _scheme(config)
    size = sum(header.file_bytes for header in headers)
    packed = scheme is not None and any(row[1] in {"I32", "U8", "U32"} for row in rows)
    if config:
        architecture = from_config(config, params_total=None if packed else params)
    else:
        architecture = Architecture("other", None, params_total=params, missing=("config.json",))
    dtype = max({row[1] for row in rows}, key=lambda name: sum(row[3] for row in rows if row[1] == name), default=None)
    variant = VariantSpec("safetensors", scheme or dtype, file_bytes=size, file_origin="measured")
    notes = () if config else ("no config.json beside it: the plan rests on the file's size alone",)
    if packed:
        notes = (*notes, "packed weights: elements are counted as stored, several weights in one")
    return Inspected(
        path=path,
        format="safetensors",
        files=tuple(files),
        file_bytes=size,
        tensor_bytes=sum(header.tensor_bytes for header in headers),
        params=params,
        quantisation=scheme or dtype,
        license=_license(path if path.is_dir() else path.parent),
        name=None,
        architecture=architecture,
        variant=variant,
        groups=_grouped(rows),
        notes=notes,
    )


def _scheme(config: Mapping[str, object]) -> str | None:
    """The quantisation that a configuration declares, as ``gptq int4``."""
    declared = config.get("quantization_config") or config.get("quantization")
    if not isinstance(declared, Mapping):
        return None
    method = declared.get("quant_method") or "mlx"
    if declared.get("load_in_8bit"):
        return f"{method} int8"
    bits = declared.get("bits") or declared.get("weight_bits")
    return f"{method} int{bits}" if isinstance(bits, int) else str(method)


def _json(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    if path.stat().st_size > MOST_CONFIG_BYTES:
        raise IntegrityError(f"{path.name}: {path.stat().st_size:,} bytes are no configuration")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path.name}: not JSON ({str(error)[:80]})", hint="download it again") from error
    if not isinstance(found, dict):
        raise IntegrityError(f"{path.name}: not a JSON object", hint="download it again")
    return found


def _license(directory: Path) -> str | None:
    """The ``license`` field of the card's front matter."""
    card = directory / "README.md"
    if not card.is_file():
        return None
    with card.open(encoding="utf-8", errors="replace") as stream:
        lines = stream.read(65_536).splitlines()
    if not lines or lines[0].strip() != "---":
        return None
    for line in lines[1:]:
        if line.strip() == "---":
            return None
        if line.startswith("license:"):
            return line.partition(":")[2].strip().strip("'\"") or None
    return None


def _grouped(rows: Sequence[tuple[str, str, int, int]]) -> tuple[Group, ...]:
    groups: dict[tuple[str, str], Group] = {}
    for name, type_, params, size in rows:
        key = (_role(name), type_)
        old = groups.get(key, Group(*key, 0, 0, 0))
        groups[key] = replace(old, tensors=old.tensors + 1, params=old.params + params, bytes=old.bytes + size)
    return tuple(sorted(groups.values(), key=lambda group: (-group.bytes, group.role, group.type)))


def _role(name: str) -> str:
    """The tensor's name without its layer's and expert's number."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))
