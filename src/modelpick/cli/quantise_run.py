"""What ``modelpick quantise`` does, step by step: whose weights, which type, plan, write, note down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.acquisition.interface import Artifact, ArtifactFile, Event, Handover, Observer
from modelpick.cli.hardware_options import HardwareOptions
from modelpick.cli.quantise_source import Origin, local, remote
from modelpick.errors import UsageError
from modelpick.licensing.interface import Asker
from modelpick.output.interface import Document
from modelpick.quantisation.interface import Quantised, Recipe
from modelpick.values import dataclass, replace

if TYPE_CHECKING:
    from modelpick.cli.asker_options import PolicyChoice
    from modelpick.quantisation.check import Checked
    from modelpick.quantisation.prepare import Prepared


SCHEMA_FOLDER = "modelpick.quantise-folder/1"


@dataclass(frozen=True, slots=True)
class Request:
    """The command line, read."""

    source: str
    type: str | None
    fit: bool
    context: str
    out: Path | None
    imatrix: Path | None
    threads: int | None
    runtime: str | None
    stream: bool
    check: bool
    exact_source: bool
    converter: Path | None
    engine: str
    revision: str
    accept_license: bool
    force: bool
    dry_run: bool
    registry: Path | None
    machine: HardwareOptions
    policy: PolicyChoice
    policy_chosen: bool
    asker: Asker


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the answer is made of. ``made`` and what follows are None in a dry run."""

    asked: str
    origin: Origin
    target: Path
    recipe: Recipe
    prepared: Prepared
    reason: str
    made: Quantised | None = None
    artifact: Artifact | None = None
    checked: Checked | None = None
    handover: Handover | None = None
    seconds: float | None = None


def run(request: Request, observe: Observer) -> Document:
    """Carry out the command; the document to show."""
    from modelpick.cli.quantise_document import document_of
    from modelpick.quantisation.gguf_engine import GgufEngine, check_target

    if request.type and request.fit:
        raise UsageError("--type and --fit contradict each other", hint="--fit chooses the type")
    if request.engine != "gguf":
        from modelpick.cli.quantise_folder import run_folder

        return run_folder(request, observe)
    if request.check and request.stream:
        raise UsageError("--check needs the source on this disk", hint="leave --stream or --check out")
    path = Path(request.source)
    origin = local(path, request) if path.exists() else remote(request, observe)
    mix, reason = _type(request, origin)
    recipe = _recipe(request, origin, mix)
    target = (request.out or Path(f"{origin.name}-{mix}.gguf")).absolute()
    check_target(origin.path, target, overwrite=request.force or request.dry_run)
    engine = GgufEngine()
    with origin.opened(request.converter) as planned:
        prepared = planned(engine, recipe)
        outcome = Outcome(request.source, origin, target, recipe, prepared, reason)
        if request.dry_run:
            prepared.source.close()
            return document_of(outcome)
        started = time.monotonic()
        made = engine.write(prepared, target, recipe, _progress(observe, target.name), passage=origin.hub)
    outcome = replace(outcome, made=made, seconds=time.monotonic() - started)
    artifact = _artifact(outcome)
    outcome = replace(outcome, artifact=artifact)
    if request.runtime:
        from modelpick.acquisition.handover import handover

        made_ready = handover(artifact, request.runtime, os.environ)  # type: ignore[arg-type]
        outcome = replace(outcome, handover=made_ready)
    if request.check:
        from modelpick.quantisation.check import check

        outcome = replace(outcome, checked=check(origin.path, target, recipe))
    return document_of(outcome)


def _recipe(request: Request, origin: Origin, mix: str) -> Recipe:
    return Recipe(
        type=mix,
        threads=request.threads or cores(),
        imatrix=request.imatrix,
        license=origin.license,
        license_name=origin.license_name,
        license_link=origin.license_link,
        base_model=origin.base_model or origin.repo,
        source_repo=origin.repo,
        source_commit=origin.commit,
        model_name=origin.name,
        exact_source=request.exact_source,
        overwrite=request.force,
    )


def cores() -> int:
    """Cores that this process may use: its affinity and its control group's quota."""
    from modelpick.cli.hardware_options import resolve_hardware

    return max(int(resolve_hardware(HardwareOptions()).cpu.usable_cores + 0.5), 1)


def _type(request: Request, origin: Origin) -> tuple[str, str]:
    """The type and why: the user's, or the best that fits the machine at the wanted context."""
    from modelpick.quantisation.kinds import FITTING_ORDER, mix_name

    if request.type:
        return mix_name(request.type), "asked for"
    from modelpick.cli.hardware_options import resolve_hardware
    from modelpick.errors import RoomError
    from modelpick.estimation.context import best_quantisation
    from modelpick.estimation.interface import Settings, VariantSpec
    from modelpick.units import format_bytes, parse_count

    context = parse_count(request.context, what="--context")
    hardware = resolve_hardware(request.machine, request.registry)
    settings = Settings(context=context)
    architecture = origin.architecture()
    variants = [VariantSpec("gguf", mix) for mix in FITTING_ORDER]
    found = best_quantisation(
        architecture, settings, hardware, variants=variants, assume_idle=request.machine.assume_idle
    )
    if found is None or found[0].quantisation is None:
        raise RoomError(
            f"no type down to {FITTING_ORDER[-1]} fits this machine at {context:,} tokens",
            hint="a smaller --context, a smaller model, or --type to quantise for another machine",
        )
    variant, fit = found
    used = sum(use.required_bytes for use in fit.placement.uses)
    room = sum(use.available_bytes for use in fit.placement.uses)
    return str(variant.quantisation), (
        f"the best that fits ({fit.placement.kind}) at {context:,} tokens: takes {format_bytes(used)} of "
        f"{format_bytes(room)}"
    )


def _progress(observe: Observer, name: str) -> Callable[[int, int], None]:
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        passed = time.monotonic() - started
        rate = done / passed if passed > 0 and done else None
        left = (total - done) / rate if rate else None
        observe(
            Event("progress", path=name, bytes_done=done, bytes_total=total, bytes_per_second=rate, seconds_left=left)
        )

    return tell


def _artifact(outcome: Outcome) -> Artifact:
    """The manifest, written beside the result."""
    import modelpick
    from modelpick.acquisition import manifest

    made, origin = outcome.made, outcome.origin
    assert made is not None and made.sha256 is not None
    artifact = Artifact(
        path=str(outcome.target.parent),
        model=origin.name,
        repo=origin.repo,
        commit=origin.commit,
        format="gguf",
        quantisation=outcome.prepared.mix,
        files=(ArtifactFile(outcome.target.name, made.bytes, made.sha256),),
        license_verdict=origin.verdict,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=f"modelpick {modelpick.__version__}, {made.engine} {made.engine_version}",
        made_from=origin.files(),
    )
    manifest.write(artifact)
    return artifact
