"""From a config.json-style mapping to an :class:`Architecture`; what is absent is named, never invented.

Field names follow transformers; the shorter names of shape tables (``n_layers``, ``hidden`` ...) are read too.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelpick.estimation.dimensions import experts_in, head_dims_in, kv_heads_in, mla_in, positions_of
from modelpick.estimation.families import GENERIC, Family, family_of
from modelpick.estimation.fields import Fields
from modelpick.estimation.interface import (
    Architecture,
    Diffusion,
    ModelKind,
    Shape,
    Speech,
    Vision,
)
from modelpick.estimation.layers import FULL, attention_plan, recurrence_of
from modelpick.estimation.tensors import parameter_count
from modelpick.values import replace

MOST_LAYERS = 4096
"""More than any model has; a file that claims more is not believed."""

MOST_TOWER = 10_000_000_000
"""Parameters beyond what any image tower has."""

_INNER = ("text_config", "llm_config", "language_config", "text_model", "decoder")
_KINDS: dict[str, ModelKind] = {
    "text-to-image": "diffusion",
    "image-to-image": "diffusion",
    "image-inpainting": "diffusion",
    "text-to-video": "diffusion",
    "embedding": "encoder",
    "reranker": "encoder",
    "fill-mask": "encoder",
    "text-classification": "encoder",
    "image-classification": "other",
    "image-segmentation": "other",
    "mask-generation": "other",
    "audio-representation": "other",
    "speaker-diarization": "other",
    "text-to-audio": "other",
}
_LARGEST_SMALL_TOWER = 0.7e9
"""Parameters of the towers that small models share with large ones; what goes beyond is not a tower."""
_VISION_KEYS = ("vision_config", "vision_tower", "visual", "mm_vision_tower")


def from_config(
    config: Mapping[str, object],
    *,
    params_total: int | None = None,
    params_active: int | None = None,
    modality: str | None = None,
    context_length: int | None = None,
) -> Architecture:
    """The architecture of a model from its configuration.

    ``params_total`` lets absent fields be solved for and the rest be checked; ``modality`` is the registry's.
    """
    merged = _merged(config)
    fields = Fields(merged)
    if diffusion := _diffusion(fields):
        # Makers count the denoiser alone, and a pipeline loads all of its parts.
        total = max(params_total or 0, diffusion.params)
        return Architecture("diffusion", fields.text("pipeline"), params_total=total, diffusion=diffusion)
    if speech := _speech(fields):
        return Architecture("speech", "whisper", params_total=params_total, speech=speech)
    family = family_of(fields.text("model_type", "arch"), fields.first_of("architectures"))
    kind = _kind(family, modality, fields)
    length = context_length or fields.number("max_position_embeddings", "n_ctx_train", "n_positions")
    base = Architecture(
        kind,
        family.name if family else fields.text("model_type", "arch"),
        params_total=params_total,
        params_active=params_active,
        context_length=length,
    )
    if kind == "other" and not fields.number("vocab_size", "vocab"):
        return replace(base, missing=("vocab_size",))
    return _with_shape(base, family, fields, params_total, modality)


def _with_shape(
    base: Architecture, family: Family | None, fields: Fields, total: int | None, modality: str | None
) -> Architecture:
    shape, missing = _shape(family or GENERIC, fields, total)
    notes: tuple[str, ...] = ()
    if family is None and fields.text("model_type", "arch"):
        notes = (f"architecture {fields.text('model_type', 'arch')} is not in the table: taken for Llama's",)
        missing = (*missing, "model_type")
    if shape is None:
        return replace(base, missing=missing, notes=notes)
    counted = parameter_count(shape)
    rest = total - counted if total else 0
    sees = modality in {"vision-language", "any-to-any"} or any(fields.has(key) for key in _VISION_KEYS)
    tower = sees and 0 <= rest < min(max(0.5 * counted, _LARGEST_SMALL_TOWER), MOST_TOWER)
    off = bool(total) and not tower and abs(rest) > 0.01 * counted
    vision = Vision(0 if off else rest if rest > 0 else None) if sees else None
    if off:
        missing = (*missing, "params_total")
        notes = (
            *notes,
            f"the fields give {counted:,} parameters, the model has {total:,}: sizes are scaled to the latter",
        )
    return replace(base, shape=shape, vision=vision, missing=missing, notes=notes)


def _merged(config: Mapping[str, object]) -> dict[str, object]:
    merged = dict(config)
    for key in _INNER:
        inner = config.get(key)
        if isinstance(inner, Mapping):
            merged |= {name: value for name, value in _merged(inner).items() if value is not None}
    return merged


def _kind(family: Family | None, modality: str | None, fields: Fields) -> ModelKind:
    if family and family.kind == "encoder":
        return "encoder"
    kind = _KINDS.get(modality or "", "decoder")
    if kind == "encoder" and family is None and fields.text("model_type") is None:
        return "encoder"
    return kind


def _diffusion(fields: Fields) -> Diffusion | None:
    if not fields.has("pipeline"):
        return None
    unet = fields.number("unet_params", "transformer_params", "denoiser_params")
    if not unet:
        return None
    encoders = [fields.number(name) or 0 for name in ("text_encoder_params", "text_encoder_2_params")]
    encoders.append(fields.number("text_encoder_3_params") or 0)
    return Diffusion(
        unet,
        sum(encoders),
        fields.number("vae_params") or 0,
        fields.number("native_resolution") or 1024,
        transformer=fields.has("transformer_params"),
        steps=fields.number("steps"),
        passes=fields.number("passes"),
    )


def _speech(fields: Fields) -> Speech | None:
    numbers = {
        "hidden": fields.number("d_model", "hidden_size"),
        "heads": fields.number("encoder_attention_heads", "num_attention_heads"),
        "ffn": fields.number("encoder_ffn_dim", "intermediate_size"),
        "vocab": fields.number("vocab_size"),
        "encoder_layers": fields.number("encoder_layers"),
        "decoder_layers": fields.number("decoder_layers"),
        "mel_bins": fields.number("num_mel_bins"),
    }
    known = {name: value for name, value in numbers.items() if value is not None}
    if len(known) < len(numbers):
        return None
    return Speech(
        **known,
        source_positions=fields.number("max_source_positions") or 1500,
        target_positions=fields.number("max_target_positions") or 448,
    )


def _shape(family: Family, fields: Fields, total: int | None) -> tuple[Shape | None, tuple[str, ...]]:
    layers = fields.number("num_hidden_layers", "n_layers", "n_layer", "num_layers")
    hidden = fields.number("hidden_size", "hidden", "n_embd", "d_model")
    vocab = fields.number("vocab_size", "vocab", "padded_vocab_size")
    absent = tuple(
        name
        for name, value in (("num_hidden_layers", layers), ("hidden_size", hidden), ("vocab_size", vocab))
        if not value
    )
    if not layers or not hidden or not vocab or layers > MOST_LAYERS:
        return None, absent or ("num_hidden_layers",)
    missing: list[str] = []
    heads = fields.number("num_attention_heads", "n_heads", "n_head") or 0
    mla = mla_in(fields)
    recurrence, absent_recurrence = recurrence_of(family, fields, hidden, heads)
    missing += absent_recurrence
    experts = experts_in(family, fields, layers, missing)
    ffn = fields.number("intermediate_size", "ffn", "n_inner", "ffn_dim", "block_ff_dim") or 0
    if not ffn and not experts and fields.text("model_type", "arch") in {"gpt2", "gpt_bigcode", "bloom"}:
        ffn = 4 * hidden
    attention, recurrent, window, absent_plan = attention_plan(family, fields, layers, recurrence)
    missing += absent_plan
    if not heads and "full" in attention:
        return None, ("num_attention_heads",)
    shape = Shape(
        name=family.name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads_in(fields, heads),
        head_dim=(mla.kv_lora_rank + mla.rope_dim) if mla else fields.number("head_dim") or hidden // (heads or 1),
        value_dim=mla.value_dim if mla else fields.number("head_dim") or hidden // (heads or 1),
        ffn=ffn,
        vocab=vocab,
        tied=family.tied,
        attention=attention,
        window=window,
        recurrent=recurrent,
        recurrence=recurrence,
        mla=mla,
        experts=experts,
        kv_heads_by_layer=fields.numbers("num_key_value_heads", layers),
        head_dim_by_layer=head_dims_in(family, fields, attention),
        ffn_by_layer=fields.numbers("intermediate_size", layers),
        positions=positions_of(family, fields),
        per_layer_input=fields.number("hidden_size_per_layer_input") or 0,
        rope_freqs=bool(fields.number("has_rope_freqs")) or fields.rope_type() == "llama3",
        byte_pair=not (family.sentencepiece or fields.number("spm_tokenizer") or vocab in (32000, 32064)),
    )
    return _solved(shape, fields, total, missing)


def _solved(shape: Shape, fields: Fields, total: int | None, missing: list[str]) -> tuple[Shape, tuple[str, ...]]:
    """Fills in what the parameter count tells: whether embeddings are tied, and one absent width."""
    tied = fields.truth("tie_word_embeddings", "tied_embeddings")
    dense = shape.experts is None or shape.experts.leading_dense > 0
    plain = shape.recurrence is None or shape.name not in {"mamba", "mamba2"}
    if not shape.ffn and dense and plain and not shape.ffn_by_layer:
        missing.append("intermediate_size")
        if total:
            base = replace(shape, tied=shape.tied if tied is None else tied)
            zero, one = parameter_count(replace(base, ffn=32)), parameter_count(replace(base, ffn=64))
            shape = replace(shape, ffn=max(32, round((total - zero) / (one - zero)) * 32 + 32) if one > zero else 0)
        if not shape.ffn:
            shape = replace(shape, ffn=4 * shape.hidden)
    options = [replace(shape, tied=shape.tied if tied is None else tied)]
    if total and tied is None:
        options = [replace(shape, tied=choice) for choice in (True, False)]
    if "mamba_n_heads" in missing and shape.name == "granitehybrid":
        # Granite 4.0 has a hybrid and a plain model of the same name and fields: the count tells them apart.
        options += [
            replace(option, attention=(FULL,) * shape.layers, recurrent=(), recurrence=None) for option in options
        ]
    if not total or len(options) == 1:
        return options[0], tuple(missing)
    return min(options, key=lambda option: abs(_counted(option) - total)), tuple(missing)


def _counted(shape: Shape) -> int:
    """As :func:`parameter_count`, once for a tied shape and its untied twin."""
    same = replace(shape, tied=True) if not shape.tied else shape
    return parameter_count(same) + (0 if shape.tied else shape.hidden * shape.vocab)
