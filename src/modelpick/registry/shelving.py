"""Lays models out for selection: by task, licence tier and size class, the best first.

Written when a registry is written, so that an answer reads only the models that can win it. See ``shelf.py``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from modelpick.registry.interface import Ability, Tier

Row = Mapping[str, Any]
RECOUNT = (
    "DELETE FROM shelf_count",
    "INSERT INTO shelf_count SELECT task, tier, size_class, count(*) FROM shelf GROUP BY task, tier, size_class",
)
"""Counts the shelf anew: derived rows, so that nobody has to count them while an answer waits."""
UNMEASURED = 30.0
"""What a model without a comparable score counts for; the same as in selection's scoring."""

_KIN_OF_MODEL = (
    "relation", "tasks", "modality", "released", "params_total", "params_active", "context_length", "languages",
    "capabilities", "commercial_use", "verdict_status",
)  # fmt: skip
_KIN_OF_ARCHITECTURE = ("model_type", "config", "sizes")
_KIN_OF_VARIANT = ("format", "publisher", "quantisation", "bytes")
"""All that ``shelf.py`` reads of a model for selection but its names, repositories and ability."""
_KIN_OF_VERDICT = (
    "commercial_use", "status", "binding_licenses", "obligations", "confidence", "family", "data_flags",
)  # fmt: skip
"""All that a licence policy reads of a verdict to allow a model; the rest names the model and tells why."""

_TEXT = {"text", "code", "vision-language", "any-to-any"}
_NOT_WHOLE = {"delta", "adapter"}
_TASKS: Mapping[str, tuple[str, Callable[[Row, set[str]], bool]]] = {
    "chat": ("general", lambda model, tasks: "chat" in tasks),
    "code": ("code", lambda model, tasks: _answers(model, tasks) and bool(tasks & {"code", "chat"})),
    "reasoning": ("reasoning", lambda model, tasks: _answers(model, tasks) and bool(tasks & {"reasoning", "chat"})),
    "vision": ("vision", lambda model, tasks: "vision" in tasks and model["relation"] != "base"),
    "embedding": ("embedding", lambda model, tasks: "embedding" in tasks),
    "rerank": ("embedding", lambda model, tasks: "rerank" in tasks),
    "speech-to-text": ("speech", lambda model, tasks: "speech-to-text" in tasks),
    "text-to-speech": ("", lambda model, tasks: "text-to-speech" in tasks),
    "image": ("image", lambda model, tasks: "image" in tasks),
}


def ability_of(task: str) -> str:
    """The family of abilities that a task is ranked by."""
    return _TASKS[task][0]


def _answers(model: Row, tasks: set[str]) -> bool:
    """A model that was taught to answer, not one that only continues text."""
    return model["modality"] in _TEXT and model["relation"] != "base" and "completion" not in tasks


def size_class(params: int | None) -> int:
    """Floor of log2 of the number of parameters; -1 where it is not known."""
    return -1 if not params else int(math.log2(params))


def tier_of(model: Row, permissive: bool) -> Tier:
    """The licence tier: 0 permissive, 1 other commercial, 2 conditional, 3 no, 4 unknown."""
    if permissive:
        return 0
    tiers: Mapping[str, Tier] = {"yes": 1, "conditional": 2, "no": 3}
    return tiers.get(str(model["commercial_use"]), 4)


def shelf_rows(
    model: Row,
    architecture: Row | None,
    variants: Sequence[Row],
    abilities: Mapping[tuple[str, str], Ability],
    *,
    permissive: bool,
) -> list[dict[str, Any]]:
    """The places of one model: one for each task it serves; none when no whole weights of it are published.

    :param abilities: by slug and family.
    :param permissive: whether the built-in permissive policy allows the model to anyone.
    """
    whole = {variant["format"] for variant in variants} - _NOT_WHOLE
    if not model["downloadable"] or not whole or model["relation"] == "adapter":
        return []
    tasks = set(json.loads(model["tasks"]))
    common = {
        "tier": tier_of(model, permissive),
        "size_class": size_class(model["params_total"]),
        "kin": kin_of(model, architecture, variants),
        "family": model["family"],
        "model": model["slug"],
        "modality": model["modality"],
        "params_total": model["params_total"],
        "params_read": _params_read(model, architecture),
    }
    return [
        {"task": task} | common | _ability(abilities.get((model["slug"], family)))
        for task, (family, belongs) in _TASKS.items()
        if belongs(model, tasks)
    ]


def kin_of(model: Row, architecture: Row | None, variants: Sequence[Row]) -> int:
    """A number that models share when they differ in nothing that selection reads but name, family and ability."""
    verdict = json.loads(model["verdict"])
    read = [
        *(verdict.get(name) for name in _KIN_OF_VERDICT),
        *(model[name] for name in _KIN_OF_MODEL),
        *(architecture[name] for name in _KIN_OF_ARCHITECTURE if architecture),
        *([variant[name] for name in _KIN_OF_VARIANT] for variant in variants),
    ]
    digest = blake2b(json.dumps(read, ensure_ascii=False).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _params_read(model: Row, architecture: Row | None) -> int | None:
    """As selection's bounds count them: None for a mixture whose active part nobody counted."""
    mixture = "experts" in (architecture["config"] if architecture else "")
    read: int | None = model["params_active"] or (None if mixture else model["params_total"])
    return read


def _ability(ability: Ability | None) -> dict[str, Any]:
    return {
        "descent": -(ability.low if ability else UNMEASURED),
        "low": ability.low if ability else None,
        "likely": ability.value if ability else None,
        "high": ability.high if ability else None,
        "basis": ability.basis if ability else None,
    }
