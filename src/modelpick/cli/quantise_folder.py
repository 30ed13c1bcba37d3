"""``modelpick quantise --engine ctranslate2|mlx``: a folder for another runtime, by that runtime's own converter."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.acquisition.interface import Artifact, ArtifactFile, Observer
from modelpick.errors import ModelpickError, UsageError
from modelpick.output.interface import Column, Document, Facts, Grid
from modelpick.quantisation.interface import FolderEngine, Quantised, Recipe
from modelpick.values import dataclass

if TYPE_CHECKING:
    from modelpick.cli.quantise_run import Request
    from modelpick.cli.quantise_source import Origin

_CLASSES = {"ctranslate2": "Ctranslate2Engine", "mlx": "MlxEngine"}
_FILES = (Column("path", "File"), Column("bytes", "Size", kind="bytes", right=True), Column("sha256", "sha256"))


@dataclass(frozen=True, slots=True)
class _Made:
    """What was asked for, and what came of it; ``quantised`` is None in a dry run."""

    engine: FolderEngine
    origin: Origin
    kind: str
    target: Path
    quantised: Quantised | None = None
    seconds: float | None = None
    files: tuple[ArtifactFile, ...] = ()


def run_folder(request: Request, observe: Observer) -> Document:
    """Convert a folder, or a model that is fetched first.

    :raises ModelpickError: when the engine's packages are not installed; the hint installs them.
    """
    from modelpick.cli.quantise_source import local, remote

    for given, option in ((request.stream, "--stream"), (request.check, "--check"), (request.imatrix, "--imatrix")):
        if given:
            raise UsageError(f"{option} belongs to --engine gguf")
    module = import_module(f"modelpick.quantisation.{request.engine}_engine")
    engine: FolderEngine = getattr(module, _CLASSES[request.engine])()
    if (install := engine.available()) is not None:
        raise ModelpickError(f"what --engine {engine.name} needs is not installed", hint=install)
    path = Path(request.source)
    origin = local(path, request) if path.exists() else remote(request, observe)
    kind = (request.type or engine.usual).lower()
    target = (request.out or Path(f"{origin.name}-{engine.name}-{kind}")).absolute()
    planned = _Made(engine, origin, kind, target)
    return _document(planned if request.dry_run else _make(planned, request))


def _make(planned: _Made, request: Request) -> _Made:
    """Convert, and write the manifest into the folder."""
    from modelpick.acquisition import manifest
    from modelpick.cli.quantise_run import cores
    from modelpick.cli.quantise_source import sha256_of

    origin, target = planned.origin, planned.target
    recipe = Recipe(
        type=planned.kind,
        threads=request.threads or cores(),
        license=origin.license,
        license_name=origin.license_name,
        license_link=origin.license_link,
        base_model=origin.base_model or origin.repo,
        model_name=origin.name,
        overwrite=request.force,
    )
    started = time.monotonic()
    quantised = planned.engine.quantise(origin.path, target, recipe, lambda done, total: None)
    seconds = time.monotonic() - started
    files = tuple(ArtifactFile(file.name, file.stat().st_size, sha256_of(file)) for file in sorted(target.glob("*")))
    made = _Made(planned.engine, origin, planned.kind, target, quantised, seconds, files)
    manifest.write(_artifact(made, quantised))
    return made


def _artifact(made: _Made, quantised: Quantised) -> Artifact:
    import modelpick

    return Artifact(
        path=str(made.target),
        model=made.origin.name,
        repo=made.origin.repo,
        commit=made.origin.commit,
        format=made.engine.name,
        quantisation=made.kind,
        files=made.files,
        license_verdict=made.origin.verdict,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=f"modelpick {modelpick.__version__}, {quantised.engine} {quantised.engine_version}",
        made_from=made.origin.files(),
    )


def _document(made: _Made) -> Document:
    from modelpick.cli.quantise_run import SCHEMA_FOLDER

    quantised, rows = made.quantised, [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in made.files]
    body = {
        "dry_run": quantised is None,
        "model": made.origin.name,
        "format": made.engine.name,
        "type": made.kind,
        "target": str(made.target),
        "bytes": quantised.bytes if quantised else None,
        "seconds": made.seconds,
        "engine": f"{quantised.engine} {quantised.engine_version}" if quantised else None,
        "license": made.origin.license,
        "license_verdict": made.origin.verdict,
        "results": rows,
    }
    facts = Facts(
        (
            ("Model", made.origin.name, "text"),
            ("Type", made.kind, "text"),
            ("Folder", str(made.target), "text"),
            ("Size", body["bytes"], "bytes"),
            ("Engine", body["engine"], "text"),
        )
    )
    hints = (made.engine.loading(made.target),) if quantised else ()
    return Document(SCHEMA_FOLDER, body, (facts, Grid(_FILES, rows, main=True)), made.origin.notes, hints)
