"""``modelpick verify``: whether what was fetched is still whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelpick.cli.emit import emit
from modelpick.cli.options import OutputOptions, output_options


@click.command(
    "verify",
    epilog="""\b
Examples:
  modelpick verify ./models
  modelpick verify ~/.cache/huggingface/hub/models--bartowski--Qwen2.5-7B-Instruct-GGUF
  modelpick verify model-Q4_K_M.gguf --json""",
)
@click.argument("path", type=click.Path(path_type=Path))
@output_options
def command(path: Path, output: OutputOptions) -> int:
    """Check downloaded files again: size, sha256 and header of each.

    PATH is a folder, one of its files, or a manifest. Exit status 7 when a file is damaged or missing.
    """
    from modelpick.acquisition.headers import inspect_any
    from modelpick.acquisition.verify import verify
    from modelpick.errors import IntegrityError
    from modelpick.output.interface import Column, Document, Grid

    checks = verify(path, inspect_any)
    results: list[dict[str, Any]] = [
        {
            "model": check.artifact.model,
            "repo": check.artifact.repo,
            "commit": check.artifact.commit,
            "quantisation": check.artifact.quantisation,
            "license_verdict": check.artifact.license_verdict,
            "folder": check.artifact.path,
            "path": file.path,
            "status": file.status,
            "message": file.message,
            "bytes": file.bytes,
            "expected_bytes": file.expected_bytes,
            "sha256": file.sha256,
            "expected_sha256": file.expected_sha256,
        }
        for check in checks
        for file in check.files
    ]
    broken = [row for row in results if row["status"] != "ok"]
    body = {
        "ok": not broken,
        "artifacts": [
            {"model": check.artifact.model, "manifest": check.manifest, "ok": check.ok, "folder": check.artifact.path}
            for check in checks
        ],
        "results": results,
    }
    columns = (
        Column("path", "File"),
        Column("status", "State", "text"),
        Column("bytes", "Size", "bytes", right=True),
        Column("message", "Why", "text"),
    )
    hints = tuple(
        f"modelpick download {check.artifact.model} fetches again what is damaged" for check in checks if not check.ok
    )
    emit(Document("modelpick.verify/1", body, (Grid(columns, results, main=True),), hints=hints), output)
    return IntegrityError.exit_code if broken else 0
