"""What ``modelpick download`` does, step by step: who is meant, may it be, what is there, fetch, hand over."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.acquisition.interface import Artifact, Handover, HubSettings, Observer, Plan, Source, Wish
from modelpick.errors import NotFoundError
from modelpick.licensing.interface import Asker
from modelpick.output.interface import Document
from modelpick.registry.interface import ModelFacts
from modelpick.values import dataclass, replace

if TYPE_CHECKING:
    from modelpick.cli.asker_options import PolicyChoice
    from modelpick.cli.download_license import Licensed
    from modelpick.cli.hardware_options import HardwareOptions
    from modelpick.registry.reader import Registry

_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_HOST = re.compile(r"^(?:https?://)?(?:hf\.co|huggingface\.co)/")


@dataclass(frozen=True, slots=True)
class Request:
    """The command line, read."""

    model: str
    quantisation: str | None
    weights: str | None
    revision: str
    folder: Path | None
    runtime: str | None
    create: bool
    accept_license: bool
    allow_pickle: bool
    dry_run: bool
    registry: Path | None
    policy: PolicyChoice
    policy_chosen: bool
    asker: Asker
    machine: HardwareOptions


def run(request: Request, observe: Observer) -> Document:
    """Carry out a download (or its dry run); the document to show.

    :raises PolicyError: before anything is asked of the Hub when the registry's verdict is refused.
    """
    from modelpick.acquisition.settings import hub_settings, patience
    from modelpick.cli.download_document import Answer, document_of
    from modelpick.cli.download_license import Judge
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.cli.memory_need import need_of_plan
    from modelpick.registry.reader import Registry

    hub = hub_settings()
    with Registry.open(request.registry) as registry:
        facts, wish = subject(registry, request)
        judge = Judge(
            registry,
            request.policy,
            request.asker,
            chosen=request.policy_chosen,
            accepted=request.accept_license,
        )
        known = judge.known(facts) if facts else None
        edition = registry.edition()
        if hub.offline:
            return _offline(request, wish, known, hub, edition)
        from modelpick.acquisition.plan import make_plan

        plan = make_plan(wish, hub, os.environ, patience=patience())
        assert plan.card is not None
        licensed = judge.live(plan.card, known, facts)
    hardware = resolve_hardware(request.machine, request.registry)
    need = need_of_plan(facts, plan, hardware)
    answer = Answer(plan, licensed, edition, need)
    if request.dry_run:
        return document_of(answer)
    artifact = _fetch(plan, licensed, hub, observe)
    made = _handover(request, artifact)
    if made and facts:
        from modelpick.cli.download_running import placed

        made = placed(made, artifact, facts.model.slug, hardware, request.registry)
    return document_of(replace(answer, artifact=artifact, handover=made))


def subject(registry: Registry, request: Request) -> tuple[ModelFacts | None, Wish]:
    """The model that was meant and where it may be: a registry row with its variants, or any repository.

    :raises NotFoundError: when no weights of it are published, or nothing has that name.
    """
    asked = _HOST.sub("", request.model)
    name, _, tag = asked.partition(":") if "/" in asked else (asked, "", "")
    facts = facts_of(registry, name)
    quantisation = request.quantisation or tag or None
    sources = _repository(name, facts) if _is_repository(name, facts) else _variants(facts)
    if facts and not facts.model.downloadable and not _REPO.fullmatch(name):
        raise _unpublished(facts)
    wish = Wish(
        model=facts.model.slug if facts else name,
        sources=sources,
        quantisation=quantisation,
        format=request.weights,
        revision=request.revision,
        allow_pickle=request.allow_pickle,
        folder=request.folder,
        params_total=facts.model.params_total if facts else None,
        architecture=_architecture(facts),
    )
    return facts, wish


def facts_of(registry: Registry, name: str) -> ModelFacts | None:
    """The registry's row; for a repository only one that names exactly this repository, never one like it."""
    from modelpick.registry.resolve import resolve

    try:
        facts = registry.facts(resolve(registry, name))
    except NotFoundError:
        if _REPO.fullmatch(name):
            return None
        raise
    if facts is None or not _REPO.fullmatch(name):
        return facts
    repos = {facts.model.hf_repo, *(row.repo for row in facts.variants)}
    return facts if name.lower() in {repo.lower() for repo in repos if repo} else None


def _architecture(facts: ModelFacts | None) -> str | None:
    """GGUF's name of the model's architecture, where the registry and the tables know it."""
    from modelpick.estimation.families import FAMILIES

    kind = facts.architecture.model_type if facts and facts.architecture else None
    family = FAMILIES.get(kind) if kind else None
    return family.name if family else None


def _is_repository(name: str, facts: ModelFacts | None) -> bool:
    """Whether the user named one repository, and not the model that a repository stands for."""
    return bool(_REPO.fullmatch(name)) and (facts is None or name.lower() != (facts.model.hf_repo or "").lower())


def _repository(name: str, facts: ModelFacts | None) -> tuple[Source, ...]:
    known = [source for source in _variants(facts) if source.repo.lower() == name.lower()]
    return tuple(known) or (Source(name, "gguf", True), Source(name, "safetensors", True))


def _variants(facts: ModelFacts | None) -> tuple[Source, ...]:
    if facts is None:
        return ()
    found = [
        Source(row.repo, row.format, row.publisher == "official", row.quantisation, row.files) for row in facts.variants
    ]
    if facts.model.hf_repo and not any(source.repo == facts.model.hf_repo for source in found):
        found.append(Source(facts.model.hf_repo, "safetensors", True))
    return tuple(found)


def _unpublished(facts: ModelFacts) -> NotFoundError:
    model = facts.model
    how = {
        "service": "it is a service of",
        "api": "it is reached by an API of",
        "closed": "it is kept by",
        "request": "they are given on request by",
        "weights-delta": "only a difference to other weights is published by",
    }
    return NotFoundError(
        f"{model.name}: no weights are published ({how.get(model.access, 'they are not on the Hub, says')} "
        f"{model.developer})",
        hint="`modelpick recommend` finds one that can run here",
        details={"model": model.slug, "access": model.access},
    )


def _fetch(plan: Plan, licensed: Licensed, hub: HubSettings, observe: Observer) -> Artifact:
    from modelpick.acquisition import manifest
    from modelpick.acquisition.faults import gated
    from modelpick.acquisition.fetch import fetch, with_verdict
    from modelpick.acquisition.headers import inspector
    from modelpick.acquisition.settings import patience
    from modelpick.quantisation.kinds import FILE_TYPES

    if not plan.accessible:
        raise gated(plan.repo, hub.endpoint)
    artifact = fetch(plan, hub, observe=observe, inspect=inspector(plan, FILE_TYPES), patience=patience())
    artifact = with_verdict(artifact, licensed.verdict.commercial_use)
    manifest.write(artifact)
    return artifact


def _handover(request: Request, artifact: Artifact) -> Handover | None:
    if request.runtime is None:
        return None
    from modelpick.acquisition.handover import create_in_ollama, handover

    made = handover(artifact, request.runtime, os.environ)  # type: ignore[arg-type]
    if request.create:
        said = create_in_ollama(made)
        made = replace(made, notes=(*made.notes, *said.splitlines()[-1:]))
    return made


def _offline(
    request: Request, wish: Wish, known: Licensed | None, hub: HubSettings, edition: dict[str, Any]
) -> Document:
    """Without the Hub only what was fetched before will do."""
    from modelpick.acquisition.headers import inspect_any
    from modelpick.acquisition.offline import fetched_before
    from modelpick.cli.download_document import offline_document

    artifact = fetched_before(wish, hub, inspect_any)
    made = None if request.dry_run else _handover(request, artifact)
    return offline_document(artifact, known, edition, made)
