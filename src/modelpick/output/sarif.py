"""SARIF 2.1.0, the form in which code hosts take findings: https://docs.oasis-open.org/sarif/sarif/v2.1.0/"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from modelpick import __version__
from modelpick.output.fields import results_of
from modelpick.output.interface import Document, Row, Style

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = {
    "license-refused": ("error", "The policy refuses the model's licences."),
    "license-duties": ("note", "The model is allowed, and something is owed for it."),
}


def as_sarif(document: Document, style: Style) -> str:
    """One run with a result for each refused model and a note for each allowed one with duties."""
    found = [result for row in results_of(document) if (result := _result(row)) is not None]
    rules = [
        {"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
        for name, (level, text) in _RULES.items()
    ]
    run = {
        "tool": {"driver": {"name": "modelpick", "version": __version__, "rules": rules}},
        "results": found,
        "properties": {"notes": list(document.notes), "policy": document.body.get("policy")},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=True) + "\n"


def _result(row: Row) -> dict[str, Any] | None:
    refused = not row["allowed"]
    if not refused and not row["warnings"]:
        return None
    rule = "license-refused" if refused else "license-duties"
    text = f"{row['model']}: {row['clause'] if refused else ' '.join(row['warnings'])}"
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": row["repository"], "kind": "module"}]}
    if row.get("file"):
        location["physicalLocation"] = {
            "artifactLocation": {"uri": str(row["file"]).replace("\\", "/")},
            "region": {"startLine": row["line"]},
        }
    mark = sha256(f"{rule}\0{row['repository']}\0{','.join(row['binding_licenses'])}".encode()).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": _RULES[rule][0],
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"modelAndLicences/v1": mark},
        "properties": {
            key: row[key] for key in ("binding_licenses", "declared_licenses", "commercial_use", "status", "confidence")
        },
    }
