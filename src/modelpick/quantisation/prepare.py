"""From a source and a recipe to everything that is known before the first row is read: the plan of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, NotFoundError, UsageError
from modelpick.formats.ggml import TYPES, tensor_bytes
from modelpick.formats.mixes import MixContext, is_70b, quantisable, tensor_types
from modelpick.quantisation import general, imatrix
from modelpick.quantisation.architectures import registry
from modelpick.quantisation.architectures.config import Config, read_config
from modelpick.quantisation.gguf_header import Frame, frame, packed
from modelpick.quantisation.gguf_read import GgufFile, PackedValues
from modelpick.quantisation.interface import Recipe, TensorPlan, TensorSource
from modelpick.quantisation.kinds import KINDS, mix_name, needs_imatrix
from modelpick.quantisation.layout import Output, rows_of, whole
from modelpick.quantisation.safetensors import SafetensorsFolder
from modelpick.quantisation.scales import Scales, take_scales
from modelpick.quantisation.vocabulary import write as vocabulary

if TYPE_CHECKING:
    import numpy as np

    from modelpick.quantisation.ggml_bridge import Kernels

_READABLE = frozenset({"F32", "F16", "BF16"})
_VOCABULARY_TENSORS = ("token_embd.weight", "output.weight")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file before its data: where every tensor comes from, and the frame it goes into."""

    source: TensorSource
    mix: str
    architecture: str
    outputs: tuple[Output, ...]
    frame: Frame
    scales: Scales
    weights: Mapping[str, np.ndarray]
    fingerprint: str
    notes: tuple[str, ...] = field(default=())

    @property
    def plans(self) -> tuple[TensorPlan, ...]:
        """The tensors of the result."""
        return tuple(placed.plan for placed in self.frame.tensors)


def prepare(source: Path, recipe: Recipe, kernels: Kernels | None) -> Prepared:
    """Plan the result of quantising a safetensors folder or a GGUF file.

    :raises NotFoundError: when the source cannot be converted here.
    :raises IntegrityError: when it is damaged.
    :raises UsageError: when the recipe asks for what cannot be.
    """
    mix = mix_name(recipe.type)
    if needs_imatrix(mix) and recipe.imatrix is None:
        raise UsageError(
            f"{mix} needs an importance matrix", hint="give one with --imatrix FILE, or take Q2_K or IQ4_XS"
        )
    if source.is_dir():
        config = read_config(source / "config.json")
        registry.find(config)  # before any file is opened
        return from_tensors(SafetensorsFolder(source), config, source, recipe, kernels)
    if source.is_file():
        return from_gguf(GgufFile(source), source, recipe, kernels)
    raise NotFoundError(f"{source} is neither a folder with safetensors nor a GGUF file")


def from_tensors(
    source: TensorSource, config: Config, folder: Path, recipe: Recipe, kernels: Kernels | None
) -> Prepared:
    """Plan from published tensors; ``folder`` holds the tokenizer files. Closes the source when it is refused."""
    import gguf

    try:
        architecture, config = registry.find(config)
        tensors, scales = take_scales(source, config.values.get("quantization_config"))
        outputs = architecture.outputs(config, tensors)
        check_readable(source, outputs)
        check_complete(outputs, config)
        words = vocabulary.read(folder, vocabulary_size(outputs, config))
        check_vocabulary(outputs, len(words.tokens))
        plans, context = typed(outputs, mix_name(recipe.type), _shape_of(config), architecture.gguf_name, recipe)
        weights = _weights(recipe, plans, kernels)
        writer = gguf.GGUFWriter(None, architecture.gguf_name)
        general.write(writer, recipe, plans, folder)
        architecture.parameters(config, writer)
        vocabulary.write(words, folder, writer, space_prefix=architecture.space_prefix)
        notes = (*words.notes, *_notes(context, plans, mix_name(recipe.type)))
        return Prepared(
            source,
            mix_name(recipe.type),
            architecture.gguf_name,
            tuple(outputs),
            frame(packed(writer), plans),
            scales,
            weights,
            _fingerprint(source, recipe),
            notes,
        )
    except BaseException:
        source.close()
        raise


def from_gguf(source: GgufFile, path: Path, recipe: Recipe, kernels: Kernels | None) -> Prepared:
    """Plan from a GGUF file of higher precision: the metadata are taken over, the types chosen anew."""
    import gguf

    try:
        values, mix = source.values, mix_name(recipe.type)
        name = values.get("general.architecture")
        if not isinstance(name, str):
            raise IntegrityError(f"{path.name} names no architecture")
        if values.get("split.count", 0) not in (0, 1):
            raise NotFoundError(f"{path.name} is one part of a split file", hint="merge it with llama-gguf-split first")
        quantised = sorted({tensor.dtype for tensor in source.tensors.values()} - _READABLE)
        if quantised:
            raise UsageError(
                f"{path.name} is quantised already ({', '.join(quantised)}); quantising again would add up the losses",
                hint="start from the F16, BF16 or F32 file",
            )
        outputs = [whole(tensor.name, tensor.name, tensor.shape) for tensor in source.tensors.values()]
        plans, context = typed(outputs, mix, _shape_of_gguf(values, name), name, recipe)
        weights = _weights(recipe, plans, kernels)
        writer = gguf.GGUFWriter(None, name)
        general.write(writer, recipe, plans, None)
        fresh = packed(writer)
        kept = {key: value for key, value in values.by_key.items() if key not in _RENEWED}
        return Prepared(
            source,
            mix,
            name,
            tuple(outputs),
            frame({**kept, **_renewed(fresh, recipe)}, plans),
            Scales(),
            weights,
            _fingerprint(source, recipe),
            _notes(context, plans, mix),
        )
    except BaseException:
        source.close()
        raise


_RENEWED = {"general.alignment", "split.no", "split.count", "split.tensors.count"}
_TAKEN = {"general.file_type", "general.quantization_version", "general.quantized_by"}


def _renewed(fresh: Mapping[str, bytes], recipe: Recipe) -> dict[str, bytes]:
    """What is written anew over a GGUF source's metadata: how it was made, and the licence where we know it."""
    keys = set(_TAKEN)
    if recipe.license:
        keys |= {"general.license", "general.license.name", "general.license.link"}
    return {key: value for key, value in fresh.items() if key in keys}


@dataclass(frozen=True, slots=True)
class _Shape:
    layers: int
    heads: int
    kv_heads: int
    experts: int


def typed(
    outputs: Sequence[Output], mix: str, shape: _Shape, architecture: str, recipe: Recipe
) -> tuple[list[TensorPlan], MixContext]:
    """The type of every tensor by the rules of llama.cpp, and what they were decided on."""
    names = {output.name for output in outputs}
    context = MixContext(
        architecture=architecture,
        layers=shape.layers,
        heads_per_kv_head=shape.heads // shape.kv_heads if shape.kv_heads else 0,
        experts=shape.experts,
        tied="output.weight" not in names,
        values=sum(name.endswith(("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")) for name in names),
        is_70b=is_70b(architecture, shape.layers, shape.heads, shape.kv_heads),
        imatrix=recipe.imatrix is not None,
    )
    kinds = tensor_types(mix, [(output.name, output.ggml_shape) for output in outputs], context)
    plans = []
    for output in outputs:
        kind = kinds[output.name]
        if kind not in KINDS:
            raise NotFoundError(f"{output.name} would be {kind}, which is not written here")
        plans.append(TensorPlan(output.name, output.ggml_shape, kind, tensor_bytes(kind, output.ggml_shape)))
    return plans, context


def check_readable(source: TensorSource, outputs: Iterable[Output]) -> None:
    """Refuse stored types that are not numbers we read, shapes GGUF cannot hold, and rows that are not there."""
    from modelpick.quantisation.floats import WIDTHS

    for output in outputs:
        if not 0 < len(output.shape) <= 4 or 0 in output.shape:
            raise IntegrityError(f"{output.name} has the shape {list(output.shape)}")
        for move in output.moves:
            tensor = source.tensors[move.source]
            if tensor.dtype not in WIDTHS:
                raise NotFoundError(
                    f"{tensor.name} is stored as {tensor.dtype}; {', '.join(WIDTHS)} can be read",
                    hint="take the original weights",
                )
            if move.first + move.rows > rows_of(tensor.shape)[0]:
                raise IntegrityError(f"{tensor.name} has {rows_of(tensor.shape)[0]} rows, too few for {output.name}")


def check_complete(outputs: Sequence[Output], config: Config) -> None:
    """Refuse a model whose blocks do not all have the same tensors, or that lacks its ends."""
    blocks: dict[int, set[str]] = {index: set() for index in range(config.layers)}
    ends = set()
    for output in outputs:
        head, _, rest = output.name.partition(".")
        number, _, part = rest.partition(".")
        if head == "blk" and int(number) in blocks:
            blocks[int(number)].add(part)
        else:
            ends.add(output.name)
    due = set().union(*blocks.values())
    for index, found in blocks.items():
        if found != due:
            missing = ", ".join(sorted(due - found)[:3])
            raise IntegrityError(f"block {index} of {config.layers} lacks {missing or 'everything'}")
    for name in ("token_embd.weight", "output_norm.weight"):
        if name not in ends:
            raise IntegrityError(f"the weights have no {name}")


def check_vocabulary(outputs: Iterable[Output], tokens: int) -> None:
    """Refuse an embedding that has another number of rows than the tokenizer has tokens."""
    for output in outputs:
        if output.name in _VOCABULARY_TENSORS and output.shape[0] != tokens:
            raise IntegrityError(f"{output.name} has {output.shape[0]} rows for {tokens} tokens")


def vocabulary_size(outputs: Iterable[Output], config: Config) -> int:
    """What the config says, else the rows of the embedding."""
    if config.find("vocab_size") is not None:
        return config.count("vocab_size")
    return next(output.shape[0] for output in outputs if output.name == "token_embd.weight")


def bits_per_weight(plans: Iterable[TensorPlan]) -> float:
    """Bits per weight over the whole file's tensors."""
    from math import prod

    plans = list(plans)
    return 8 * sum(plan.bytes for plan in plans) / max(sum(prod(plan.shape) for plan in plans), 1)


def _weights(recipe: Recipe, plans: Sequence[TensorPlan], kernels: Kernels | None) -> dict[str, np.ndarray]:
    found = imatrix.read(recipe.imatrix) if recipe.imatrix is not None else {}
    return imatrix.matched(found, plans, kernels)


def _shape_of(config: Config) -> _Shape:
    experts = config.find("num_local_experts", "num_experts", default=0)
    kv_heads = config.kv_heads
    return _Shape(config.layers, config.heads, kv_heads, experts if isinstance(experts, int) else 0)


def _shape_of_gguf(values: PackedValues, name: str) -> _Shape:
    def number(key: str, default: int = 0) -> int:
        value: Any = values.get(f"{name}.{key}", default)
        value = value[0] if isinstance(value, list) and value else value
        return value if isinstance(value, int) else default

    heads = number("attention.head_count")
    return _Shape(number("block_count"), heads, number("attention.head_count_kv", heads), number("expert_count"))


def _fingerprint(source: TensorSource, recipe: Recipe) -> str:
    """What must be equal for a second run to go on with a first one's file."""
    fixed = replace(recipe, threads=0)
    tensors = [(t.name, t.dtype, t.shape, t.shard, t.start) for t in source.tensors.values()]
    return source.identity + repr(tensors) + repr(fixed)


def _notes(context: MixContext, plans: Sequence[TensorPlan], mix: str) -> tuple[str, ...]:
    fallen = [
        plan
        for plan in plans
        if TYPES[plan.type].block == 32
        and "_K" in mix
        and quantisable(plan.name, len(plan.shape))
        and plan.shape[0] % 256
    ]
    if not fallen:
        return ()
    rows = ", ".join(str(length) for length in sorted({plan.shape[0] for plan in fallen}))
    return (
        f"{len(fallen)} of {len(plans)} tensors have rows ({rows}) that are no multiple of 256 and get a larger type",
    )
