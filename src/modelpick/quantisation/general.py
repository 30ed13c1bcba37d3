"""The ``general.*`` keys: what the model is, whose it is, under which licence, and who quantised it from what."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import modelpick
from modelpick.formats.mixes import canonical
from modelpick.quantisation.interface import Recipe, TensorPlan
from modelpick.quantisation.kinds import FILE_TYPES

if TYPE_CHECKING:
    from gguf import GGUFWriter

QUANTISATION_VERSION = 2


def write(writer: GGUFWriter, recipe: Recipe, plans: Sequence[TensorPlan], folder: Path | None) -> None:
    """Write the general keys. The licence is the source's own: quantising never loosens it."""
    writer.add_type("model")
    name = recipe.model_name or recipe.source_repo or (folder.resolve().name if folder else None)
    if name:
        writer.add_name(name)
    if recipe.license:
        writer.add_license(recipe.license)
    if recipe.license_name:
        writer.add_license_name(recipe.license_name)
    if recipe.license_link:
        writer.add_license_link(recipe.license_link)
    base = recipe.base_model or recipe.source_repo
    if base:
        writer.add_base_model_count(1)
        owner, _, short = base.rpartition("/")
        writer.add_base_model_name(0, short)
        if owner:
            writer.add_base_model_organization(0, owner)
            writer.add_base_model_repo_url(0, f"https://huggingface.co/{base}")
    if recipe.source_repo:
        writer.add_source_repo_url(f"https://huggingface.co/{recipe.source_repo}")
    if recipe.source_commit:
        writer.add_string("general.source.commit", recipe.source_commit)
    writer.add_size_label(size_label(plans))
    writer.add_quantized_by(f"modelpick {modelpick.__version__}")
    writer.add_quantization_version(QUANTISATION_VERSION)
    writer.add_file_type(FILE_TYPES[canonical(recipe.type) or recipe.type])


def size_label(plans: Sequence[TensorPlan]) -> str:
    """``8B``, or ``8x7B`` for a model with experts: parameters in short form."""
    import gguf

    total = expert = count = 0
    for plan in plans:
        size = prod(plan.shape)
        total += size
        if "_exps." in plan.name:
            count, expert = plan.shape[-1], expert + size // plan.shape[-1]
    shared = total - expert * count
    return str(gguf.size_label(total, shared, expert, count))
