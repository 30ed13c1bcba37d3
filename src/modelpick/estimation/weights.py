"""How many bytes a model's weights take in a given format, and where llama.cpp would put them.

GGUF sizes come from the tensor list and the mix's rules and are exact to the byte; other formats from the bits
they spend on a linear weight. A known file size beats both.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from modelpick.estimation.gguf_weights import Sizes, gguf_sizes, groups_of, header_bytes
from modelpick.estimation.interface import Architecture, Origin, Shape, VariantSpec
from modelpick.estimation.memo import remembered
from modelpick.estimation.schemes import Scheme, mix_of, scheme_of
from modelpick.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights. ``layers`` sums to ``total`` with ``embedding``, ``output`` and ``outer``.

    ``embedding`` stays on the host in llama.cpp; a tied output is the same matrix again, on the device.
    ``experts`` is the part of ``layers`` that can be kept on the host; ``largest`` the biggest single matrix of
    each layer; ``repacked`` what an x86 processor with AVX2 lays out anew.
    """

    total: int
    file: int
    embedding: int
    output: int
    outer: int
    tied: bool
    layers: tuple[int, ...]
    experts: tuple[int, ...]
    largest: tuple[int, ...]
    largest_expert: int
    largest_up: int
    """The biggest up projection of a dense feed-forward."""
    largest_query: int
    repacked: int
    origin: Origin = "estimated"
    exact: bool = True
    spread: float = 0.0
    """Half-width of what is believed, as a part of ``total``."""
    notes: tuple[str, ...] = ()


def weights_of(architecture: Architecture, variant: VariantSpec) -> Weights | None:
    """The weights of a variant; None when neither a size, a shape nor a parameter count is known."""
    key = (variant.format, variant.quantisation, variant.file_bytes)
    return remembered("weights", architecture, key, lambda: _weights(architecture, variant))


def _weights(architecture: Architecture, variant: VariantSpec) -> Weights | None:
    shape = architecture.shape
    if shape is None:
        return _without_shape(architecture, variant)
    made = _by_format(shape, variant)
    scale = _scale(architecture, shape) if variant.file_bytes is None else 1.0
    if scale != 1.0 and _far_off(scale) and architecture.params_total:
        made = _scaled(
            made, architecture.params_total * _average_bits(variant, architecture.params_total) / 8 / made.total
        )
    elif scale != 1.0:
        made = _scaled(made, scale)
    if variant.file_bytes is not None:
        tower = _tower_bytes(architecture, variant)
        language = max(variant.file_bytes - tower, 1)
        # What stands before the tensors is of the vocabulary's size, however large they are.
        tensors = max(language - (made.file - made.total), language // 2, 1)
        made = replace(_scaled(made, tensors / made.total), file=language)
        return replace(made, origin=variant.file_origin, exact=True, spread=0.0, notes=())
    if architecture.missing:
        missing = ", ".join(architecture.missing)
        note = f"not in the configuration: {missing}; the weights are estimated with a wider range"
        made = replace(made, exact=False, spread=max(made.spread, 0.05), notes=(*made.notes, note))
    return made


def _tower_bytes(architecture: Architecture, variant: VariantSpec) -> int:
    """The image tower's part of a file that holds both; GGUF keeps it in a file of its own."""
    if variant.format == "gguf" or architecture.vision is None or architecture.vision.params is None:
        return 0
    return min(2 * architecture.vision.params, (variant.file_bytes or 0) // 2)


def _scale(architecture: Architecture, shape: Shape) -> float:
    total = architecture.params_total
    if not total or "params_total" not in architecture.missing:
        return 1.0
    embedding = shape.hidden * shape.vocab * (1 if shape.tied else 2)
    counted = sum(prod(group.shape) * group.count for group in groups_of(shape)) - embedding
    return max((total - embedding) / counted, 0.05) if counted > 0 and total > embedding else 1.0


def _far_off(scale: float) -> bool:
    """Whether the fields describe so different a model that only the parameter count can be believed."""
    return not 0.7 < scale < 1.4


def _by_format(shape: Shape, variant: VariantSpec) -> Weights:
    if variant.format.lower() == "gguf":
        mix = mix_of(variant.quantisation)
        sizes, repacked = gguf_sizes(shape, mix.name)
        made = replace(_summed(shape, sizes), repacked=repacked)
        if mix.exact:
            return made
        return replace(made, exact=False, spread=0.08, notes=(mix.note,) if mix.note else ())
    scheme = scheme_of(variant.format, variant.quantisation)
    made = _summed(shape, _scheme_sizes(shape, scheme))
    if scheme.head_apart and shape.tied:
        made = replace(made, total=made.total + made.output, file=made.file + made.output, tied=False)
    return replace(made, exact=scheme.exact, spread=scheme.spread, notes=(scheme.note,) if scheme.note else ())


def _scheme_sizes(shape: Shape, scheme: Scheme) -> Sizes:
    sizes: Sizes = []
    for group in groups_of(shape):
        bits = scheme.bits_of(group.name, len(group.shape))
        sizes.append((group, (-(-prod(group.shape) * round(bits * 4096) // (8 * 4096)),)))
    return sizes


def _summed(shape: Shape, sizes: Sizes) -> Weights:
    count = shape.layers
    layers, experts, largest = [0] * count, [0] * count, [0] * count
    every = every_expert = every_largest = 0
    embedding = output = outer = biggest = padding = tensors = up = query = 0
    for group, each in sizes:
        name, repeat = group.name, group.count if len(each) == 1 else 1
        padding += repeat * sum([-size % 32 for size in each])
        tensors += group.count
        if not group.layers:
            embedding, output, outer = _outer_bytes(shape, name, each[0], embedding, output, outer)
            continue
        expert, matrix = "_exps." in name, len(group.shape) > 1 and "_exps." not in name
        most = max(each)
        biggest = max(biggest, most) if expert else biggest
        if name.endswith("ffn_up.weight"):
            up = max(up, most)
        elif name.endswith(("attn_q.weight", "attn_qkv.weight", "attn_q_b.weight")):
            query = max(query, most)
        if len(each) == 1 and len(group.layers) == count:
            every += most
            every_expert += most if expert else 0
            every_largest = max(every_largest, most) if matrix else every_largest
            continue
        for layer, size in zip(group.layers, each * repeat if repeat > 1 else each, strict=True):
            layers[layer] += size
            if expert:
                experts[layer] += size
            elif matrix and size > largest[layer]:
                largest[layer] = size
    total = sum(layers) + count * every + embedding + outer + (0 if shape.tied else output)
    return Weights(
        total=total,
        file=total + padding + header_bytes(shape, tensors),
        embedding=embedding,
        output=output,
        outer=outer,
        tied=shape.tied,
        layers=tuple([size + every for size in layers]),
        experts=tuple([size + every_expert for size in experts]),
        largest=tuple([max(size, every_largest) for size in largest]),
        largest_expert=biggest,
        largest_up=up,
        largest_query=query,
        repacked=0,
    )


def _outer_bytes(shape: Shape, name: str, size: int, embedding: int, output: int, outer: int) -> tuple[int, int, int]:
    """Adds a tensor outside the layers to what it belongs to."""
    if name == "output.weight":
        return embedding, size, outer
    if name not in {"token_embd.weight", "per_layer_token_embd.weight"}:
        return embedding, output, outer + size
    tied = shape.tied and name == "token_embd.weight"
    return embedding + size, size if tied else output, outer


def _scaled(made: Weights, factor: float) -> Weights:
    """All parts times a factor, except that the embedding keeps its size where it can."""
    outer = made.embedding + (0 if made.tied else made.output) + made.outer
    wanted = round(made.total * factor)
    inner = made.total - outer
    part = (wanted - outer) / inner if inner and wanted > outer * 1.02 else wanted / made.total
    even = part if inner and wanted > outer * 1.02 else None
    fixed: Callable[[int], int] = (lambda size: size) if even is not None else (lambda size: round(size * part))
    layers = tuple(round(size * part) for size in made.layers)
    embedding, output, rest = fixed(made.embedding), fixed(made.output), fixed(made.outer)
    return replace(
        made,
        total=sum(layers) + embedding + rest + (0 if made.tied else output),
        file=wanted + made.file - made.total,
        embedding=embedding,
        output=output,
        outer=rest,
        layers=layers,
        experts=tuple(round(size * part) for size in made.experts),
        largest=tuple(round(size * part) for size in made.largest),
        largest_expert=round(made.largest_expert * part),
        largest_up=round(made.largest_up * part),
        largest_query=round(made.largest_query * part),
        repacked=round(made.repacked * part),
    )


def _without_shape(architecture: Architecture, variant: VariantSpec) -> Weights | None:
    """Where no layer is known: the file's size, or parameters times the format's bits."""
    total = variant.file_bytes
    spread, origin = 0.0, variant.file_origin
    notes: tuple[str, ...] = ()
    if total is None:
        params = architecture.params_total
        if not params:
            return None
        bits = _average_bits(variant, params)
        parts_known = architecture.speech is not None or architecture.diffusion is not None
        total, spread, origin = round(params * bits / 8), 0.05 if parts_known else 0.12, "estimated"
        if not parts_known:
            notes = (f"no dimensions known: weights from {params:,} parameters at {bits:.2f} bits",)
    return Weights(
        total=total,
        file=total,
        embedding=0,
        output=0,
        outer=total,
        tied=False,
        layers=(),
        experts=(),
        largest=(),
        largest_expert=0,
        largest_up=0,
        largest_query=0,
        repacked=0,
        origin=origin,
        exact=variant.file_bytes is not None,
        spread=spread,
        notes=notes,
    )


def _average_bits(variant: VariantSpec, params: int) -> float:
    """Bits a weight over the whole model; small models keep a larger part in their embedding."""
    small = 0.5 if params < 2_000_000_000 else 0.2 if params < 5_000_000_000 else 0.0
    if variant.format.lower() == "gguf":
        bits = mix_of(variant.quantisation).usual_bits
        return bits + small if bits < 8 else bits
    scheme = scheme_of(variant.format, variant.quantisation)
    outer = 0.25 if params < 2_000_000_000 else 0.12 if params < 9_000_000_000 else 0.04
    return scheme.linear_bits * (1 - outer) + scheme.outer_bits * outer
