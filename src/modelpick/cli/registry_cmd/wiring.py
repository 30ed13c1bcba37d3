"""Who judges and who fits when a registry is written: here the folders are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelpick.errors import UsageError
from modelpick.registry.interface import Ability, Catalogue, Judgement, ModelFacts
from modelpick.registry.locations import bundled_path


def judge(models: Sequence[ModelFacts], catalogue: Catalogue) -> Mapping[str, Judgement]:
    """What licensing says of each model."""
    from modelpick.licensing.rows import judge_models

    return judge_models(models, catalogue)


def fit(models: Sequence[ModelFacts]) -> list[Ability]:
    """The abilities that the published scores support, and predictions where there are none."""
    from modelpick.quality.abilities import abilities, with_inherited_tokens
    from modelpick.quality.interface import Profile, Score

    profiles = [
        Profile(
            model=facts.model.slug,
            family=facts.model.family,
            developer=facts.model.developer,
            params_total=facts.model.params_total,
            params_active=facts.model.params_active,
            released=facts.model.released,
            training_tokens=facts.model.training_tokens,
            relation=facts.model.relation,
            modality=facts.model.modality,
            capabilities=facts.model.capabilities,
            tasks=facts.model.tasks,
        )
        for facts in models
    ]
    bases = {link.model: link.parent_slug for facts in models for link in facts.lineage[:1] if link.parent_slug}
    scores = [
        Score(row.model, row.metric, row.value, row.kind, row.source)
        for facts in models
        for row in facts.benchmarks
        if row.value is not None
    ]
    return [
        Ability(found.model, found.family, found.value, found.low, found.high, found.basis, found.scores)
        for found in abilities(with_inherited_tokens(profiles, bases), scores)
    ]


def measure(models: Sequence[ModelFacts]) -> dict[str, str]:
    """The bytes of each mix that recommendations propose, and what a token reads of them."""
    import json

    from modelpick.estimation.architecture import from_config
    from modelpick.estimation.interface import Settings, VariantSpec
    from modelpick.estimation.speed_work import work_of
    from modelpick.estimation.weights import weights_of
    from modelpick.selection.options import LADDER

    found: dict[str, str] = {}
    for facts in models:
        if facts.architecture is None or not facts.model.downloadable:
            continue
        architecture = from_config(
            json.loads(facts.architecture.config),
            params_total=facts.model.params_total,
            params_active=facts.model.params_active,
            modality=facts.model.modality,
            context_length=facts.model.context_length,
        )
        sizes: dict[str, Any] = {}
        for mix in LADDER:
            variant = VariantSpec("gguf", mix)
            weights = weights_of(architecture, variant)
            work = weights and work_of(architecture, variant, Settings(), weights.file)
            if weights and work:
                sizes[mix] = [weights.file, round(work.weight_bytes + work.output_bytes)]
                sizes["read_params"] = round(work.params + work.output_params)
                sizes["cache"] = [work.cache_row, work.window_row, work.window, work.state_bytes, work.layers]
        if sizes:
            found[facts.model.slug] = json.dumps(sizes, separators=(",", ":"), sort_keys=True)
    return found


def data_directory(given: Path | None, *, needed: bool) -> Path | None:
    """The text sources: ``given``, else ``data`` of the checkout that this code or the working directory is.

    :raises UsageError: when they are ``needed`` and not there.
    """
    if given:
        return given
    beside = Path(bundled_path()).parent
    for place in (beside, Path("data")):
        if (place / "models").is_dir() and (place / "licenses.toml").is_file():
            return place
    if needed:
        raise UsageError("there are no text sources here", hint="name their directory: --data DIR")
    return None
