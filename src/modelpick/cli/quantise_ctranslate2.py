"""``modelpick quantise --engine ctranslate2``: an int8 folder for CTranslate2, also of Whisper models."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelpick.acquisition.interface import Artifact, ArtifactFile, Observer
from modelpick.errors import ModelpickError, UsageError
from modelpick.output.interface import Column, Document, Facts, Grid
from modelpick.quantisation.interface import Recipe

if TYPE_CHECKING:
    from modelpick.cli.quantise_run import Request

_FILES = (Column("path", "File"), Column("bytes", "Size", kind="bytes", right=True), Column("sha256", "sha256"))


def run_ctranslate2(request: Request, observe: Observer) -> Document:
    """Convert a folder, or a model that is fetched first.

    :raises ModelpickError: when CTranslate2 or what it needs is not installed; the hint installs it.
    """
    import modelpick
    from modelpick.acquisition import manifest
    from modelpick.cli.quantise_run import SCHEMA_CT2, cores
    from modelpick.cli.quantise_source import local, remote, sha256_of
    from modelpick.quantisation.ctranslate2_engine import Ctranslate2Engine

    for given, option in ((request.stream, "--stream"), (request.check, "--check"), (request.imatrix, "--imatrix")):
        if given:
            raise UsageError(f"{option} belongs to --engine gguf")
    engine = Ctranslate2Engine()
    if (install := engine.available()) is not None:
        raise ModelpickError("CTranslate2's converter is not installed", hint=install)
    path = Path(request.source)
    origin = local(path, request) if path.exists() else remote(request, observe)
    kind = (request.type or "int8").lower()
    target = (request.out or Path(f"{origin.name}-ct2-{kind}")).absolute()
    recipe = Recipe(type=kind, threads=request.threads or cores(), overwrite=request.force)
    started, made = time.monotonic(), None
    if not request.dry_run:
        made = engine.quantise(origin.path, target, recipe, lambda done, total: None)
    files = tuple(
        ArtifactFile(file.name, file.stat().st_size, sha256_of(file)) for file in sorted(target.glob("*")) if made
    )
    artifact = None
    if made is not None:
        artifact = Artifact(
            path=str(target),
            model=origin.name,
            repo=origin.repo,
            commit=origin.commit,
            format="ctranslate2",
            quantisation=kind,
            files=files,
            license_verdict=origin.verdict,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            made_by=f"modelpick {modelpick.__version__}, {made.engine} {made.engine_version}",
            made_from=origin.files(),
        )
        manifest.write(artifact)
    rows = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in files]
    body = {
        "dry_run": made is None,
        "model": origin.name,
        "type": kind,
        "target": str(target),
        "bytes": made.bytes if made else None,
        "seconds": time.monotonic() - started if made else None,
        "engine": f"{made.engine} {made.engine_version}" if made else None,
        "license": origin.license,
        "license_verdict": origin.verdict,
        "results": rows,
    }
    facts = Facts(
        (
            ("Model", origin.name, "text"),
            ("Type", kind, "text"),
            ("Folder", str(target), "text"),
            ("Size", made.bytes if made else None, "bytes"),
            ("Engine", body["engine"], "text"),
        )
    )
    hints = (f"python -c \"import ctranslate2; ctranslate2.Generator('{target}')\"",) if made else ()
    return Document(SCHEMA_CT2, body, (facts, Grid(_FILES, rows, main=True)), (), hints)
