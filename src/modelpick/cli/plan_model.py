"""What is planned: a model's structure and the forms it comes in or can be made into."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from modelpick.errors import UsageError
from modelpick.estimation.architecture import from_config
from modelpick.estimation.interface import Architecture, VariantSpec
from modelpick.formats.mixes import BASE, canonical
from modelpick.registry.interface import Variant
from modelpick.registry.reader import Registry
from modelpick.values import dataclass

LADDER = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "Q2_K")
"""The mixes in use, best first."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to be planned: its name, structure and variants, best first."""

    slug: str
    name: str
    architecture: Architecture
    variants: tuple[VariantSpec, ...]
    params_total: int | None
    local: bool = False


def is_path(text: str) -> bool:
    """Whether MODEL is something on this disk rather than a name: it exists, and looks like a path or a model file."""
    path = Path(text)
    looks = text.startswith((".", "~")) or "/" in text or os.sep in text
    return (looks or path.suffix.lower() in {".gguf", ".safetensors"}) and path.exists()


def subject_at(path: Path, quantisations: tuple[str, ...]) -> Subject:
    """A model on this disk, as it is and, where it is unquantised, as what it can be made into.

    :raises UsageError: for what is no model, or a quantisation that is not llama.cpp's.
    """
    from modelpick.cli.inspect_read import inspect_path

    found = inspect_path(path)
    if quantisations:
        variants = tuple(_named(name, {}) for name in quantisations)
    elif found.format == "gguf" or found.architecture.shape is None:
        variants = (found.variant,)
    else:
        variants = (found.variant, *(VariantSpec("gguf", mix) for mix in LADDER))
    return Subject(str(path), found.name or path.name, found.architecture, variants, found.params or None, local=True)


def subject_of(registry: Registry, slug: str, quantisations: tuple[str, ...]) -> Subject:
    """A registry's model; ``quantisations`` narrows its variants, in the order given.

    :raises UsageError: for a quantisation that is neither llama.cpp's nor published for the model.
    """
    facts = registry.facts(slug)
    assert facts is not None
    model = facts.model
    architecture = from_config(
        json.loads(facts.architecture.config if facts.architecture else "{}"),
        params_total=model.params_total,
        params_active=model.params_active,
        modality=model.modality,
        context_length=model.context_length,
    )
    published = _published(facts.variants)
    if quantisations:
        variants = tuple(_named(name, published) for name in quantisations)
    elif architecture.kind in ("decoder", "encoder"):
        variants = tuple(published.get(mix, VariantSpec("gguf", mix)) for mix in LADDER)
    else:
        variants = tuple(published.values()) or (VariantSpec("safetensors", "F16"),)
    return Subject(slug, model.name, architecture, variants, model.params_total)


def _published(variants: Iterable[Variant]) -> dict[str, VariantSpec]:
    """The published GGUF files by quantisation; the first publisher listed wins."""
    found: dict[str, VariantSpec] = {}
    for variant in variants:
        if variant.format == "gguf" and variant.quantisation:
            spec = VariantSpec("gguf", variant.quantisation, variant.bytes)
            found.setdefault(canonical(variant.quantisation) or variant.quantisation, spec)
    return found


def _named(name: str, published: dict[str, VariantSpec]) -> VariantSpec:
    mix = canonical(name)
    for known in (name, mix):
        if known in published:
            return published[known]
    if mix is None:
        raise UsageError(
            f"--quant: {name!r} is neither a quantisation of llama.cpp nor published for this model",
            hint=f"known are: {', '.join(dict.fromkeys((*published, *BASE)))}",
        )
    return VariantSpec("gguf", mix)
