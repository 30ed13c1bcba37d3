"""The document of a plan: a row per quantisation and context, and the machines that would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from modelpick.cli.answers import available_bytes, footprint_fields, needed_bytes, pool_fields, speed_fields
from modelpick.cli.plan_model import Subject
from modelpick.cli.recommend_document import machine_pairs
from modelpick.estimation.context import max_context
from modelpick.estimation.interface import Fit, Misfit, Settings
from modelpick.estimation.plan import ON_GPUS, Cell, Offer, plan_grid, settings_for, smallest_offers
from modelpick.estimation.speed import context_of_each
from modelpick.estimation.speed_explain import explain_decode
from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import to_json
from modelpick.output.interface import Block, Column, Document, Facts, Grid, Lines
from modelpick.units import GIB
from modelpick.values import dataclass, replace

_CONTEXTS = (4096, 8192, 32768, 131072)
_USUAL = 8192
_FOCUS = "Q4_K_M"
_MOST_OFFERS = 8
_COLUMNS = (
    Column("quantisation", "Quant"),
    Column("context_tokens", "Context", kind="raw", right=True),
    Column("memory", "Needs / has", kind="part", right=True),
    Column("placement", "Placement"),
    Column("speed", "Tokens/s", kind="rates", right=True),
    Column("first_token_seconds", "First token, s", kind="raw", right=True),
    Column("meets_target", "Fast enough", kind="yesno"),
)
_OFFER_COLUMNS = (
    Column("accelerator", "Accelerator"),
    Column("count", "Count", kind="raw", right=True),
    Column("segment", "Kind"),
    Column("memory", "Needs / has", kind="part", right=True),
    Column("speed", "Tokens/s", kind="rates", right=True),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be planned. ``contexts`` are of each user; ``chosen``: the user named quantisations."""

    subject: Subject
    contexts: tuple[int, ...] = ()
    chosen: bool = False
    users: int = 1
    target_speed: float | None = None

    @property
    def settings(self) -> Settings:
        """Settings for the users; runtime and context are filled in per cell."""
        return Settings(users=self.users)

    def asked(self) -> tuple[int, ...]:
        """The contexts to plan for: those asked for, else a few up to what the model was trained for."""
        if self.contexts:
            return self.contexts
        most = self.subject.architecture.context_length
        if self.subject.architecture.kind in ("speech", "diffusion", "other"):
            return (most or _CONTEXTS[0],)
        return tuple(tokens for tokens in _CONTEXTS if most is None or tokens <= most) or (most or _USUAL,)


def plan_document(
    question: Question, hardware: Hardware, offers: Sequence[Offer], edition: Mapping[str, Any], *, explained: bool
) -> tuple[Document, bool]:
    """The document, and whether anything fits (and, with a target, is fast enough)."""
    subject, users = question.subject, question.users
    contexts = question.asked()
    cells = plan_grid(subject.architecture, subject.variants, contexts, question.settings, hardware)
    rows = [_row(question, cell, hardware, explained=explained) for cell in cells]
    wanted = _wanted(question, contexts)
    needed = _needed(question, wanted, offers)
    met = any(cell.meets(question.target_speed) for cell in cells)
    body: dict[str, Any] = {
        "registry": dict(edition),
        "hardware": to_json(hardware),
        "model": subject.slug,
        "name": subject.name,
        "params_total": subject.params_total,
        "users": users,
        "target_tokens_per_second": question.target_speed,
        "results": rows,
        "needed_for": {"quantisation": wanted.quantisation, "context_tokens": wanted.context},
        "hardware_needed": needed,
    }
    notes = list(dict.fromkeys((*subject.architecture.notes, *(note.message for note in hardware.notes))))
    blocks = _blocks(question, rows, needed, wanted, hardware, explained=explained)
    return Document("modelpick.plan/1", body, blocks, notes=notes, hints=_hints(question, rows)), met


@dataclass(frozen=True, slots=True)
class _Wanted:
    quantisation: str | None
    context: int
    variant: int


def _wanted(question: Question, contexts: Sequence[int]) -> _Wanted:
    """What machines are sought for: the first quantisation asked for, else Q4_K_M; the longest context asked for."""
    names = [variant.quantisation for variant in question.subject.variants]
    place = 0 if question.chosen or _FOCUS not in names else names.index(_FOCUS)
    context = max(contexts) if question.contexts else max(t for t in contexts if t <= max(_USUAL, contexts[0]))
    return _Wanted(names[place], context, place)


def _row(question: Question, cell: Cell, hardware: Hardware, *, explained: bool) -> dict[str, Any]:
    fit, outcome = cell.fit, cell.outcome
    misfit = outcome if isinstance(outcome, Misfit) else None
    row: dict[str, Any] = {
        "quantisation": cell.variant.quantisation,
        "format": cell.variant.format,
        "file_bytes": cell.variant.file_bytes,
        "context_tokens": round(context_of_each(cell.settings)),
        "runtime": cell.settings.runtime,
        "fits": fit is not None,
        "meets_target": cell.meets(question.target_speed) if question.target_speed else None,
        "placement": fit.placement.kind if fit else None,
        "gpu_layers": fit.placement.gpu_layers if fit else None,
        "layers": fit.placement.layers if fit else None,
        "experts_on_host_layers": fit.placement.experts_on_host if fit else None,
        "required_bytes": needed_bytes(fit.placement) if fit else misfit.needed_bytes if misfit else None,
        "available_bytes": available_bytes(fit.placement) if fit else misfit.available_bytes if misfit else None,
        "short_pool": misfit.pool if misfit else None,
        "reason": misfit.reason if misfit else None,
        "footprint": footprint_fields(fit) if fit else None,
        **speed_fields(fit.speed if fit else None),
    }
    if explained:
        architecture = question.subject.architecture
        row["pools"] = pool_fields(fit.placement) if fit else []
        row["max_context_tokens"] = None
        if fit:
            most = max_context(architecture, cell.variant, cell.settings, hardware)
            row["max_context_tokens"] = round(context_of_each(replace(cell.settings, context=most))) if most else None
        row["arithmetic"] = _arithmetic(question, cell, fit, hardware) if fit else []
    return row


def _arithmetic(question: Question, cell: Cell, fit: Fit, hardware: Hardware) -> list[str]:
    parts = fit.footprint
    sizes = (
        ("weights", parts.weights), ("KV cache", parts.kv_cache), ("recurrent state", parts.recurrent_state),
        ("compute buffers", parts.compute), ("runtime overhead", parts.overhead), ("projector", parts.projector),
    )  # fmt: skip
    terms = " + ".join(f"{size / GIB:.2f} {name}" for name, size in sizes if size)
    lines = [f"memory: {terms} = {parts.total / GIB:.2f} GiB ({parts.weights_origin} weights)"]
    lines += [
        f"{use.pool}: {use.required_bytes / GIB:.2f} GiB of {use.available_bytes / GIB:.2f} GiB usable"
        for use in fit.placement.uses
    ]
    return lines + list(
        explain_decode(
            question.subject.architecture, cell.variant, cell.settings, parts.weights, fit.placement, hardware
        )
    )


def _needed(question: Question, wanted: _Wanted, offers: Sequence[Offer]) -> list[dict[str, Any]]:
    variant = question.subject.variants[wanted.variant]
    settings = settings_for(variant, wanted.context, question.settings)
    found = smallest_offers(question.subject.architecture, variant, settings, offers, target=question.target_speed)
    return [
        {
            "accelerator": offer.accelerator,
            "count": offer.count,
            "segment": offer.segment,
            "memory_bytes": offer.memory_bytes,
            "required_bytes": sum(use.required_bytes for use in fit.placement.uses if use.device is not None),
            "placement": fit.placement.kind,
            **speed_fields(fit.speed),
        }
        for offer, fit in islice(found, _MOST_OFFERS)
    ]


def _blocks(
    question: Question,
    rows: Sequence[dict[str, Any]],
    needed: Sequence[dict[str, Any]],
    wanted: _Wanted,
    hardware: Hardware,
    *,
    explained: bool,
) -> list[Block]:
    columns = _COLUMNS if question.target_speed else _COLUMNS[:-1]
    blocks: list[Block] = [Facts(machine_pairs(hardware)), Grid(columns, [_table(row) for row in rows], main=True)]
    if explained:
        for row in rows:
            if row["arithmetic"]:
                title = f"{row['quantisation']} at {row['context_tokens']} tokens"
                blocks.append(Lines(row["arithmetic"], title, bullet=True))
    title = f"Smallest that hold {wanted.quantisation} with {wanted.context} tokens"
    if question.target_speed:
        title += f" at {question.target_speed:g} tokens/s"
    if needed:
        blocks.append(Grid(_OFFER_COLUMNS, [_offer(entry) for entry in needed], title))
    else:
        blocks.append(Lines(["none of the accelerators known, up to four of a kind"], title))
    return blocks


def _table(row: dict[str, Any]) -> dict[str, Any]:
    first = row["time_to_first_token_seconds"]
    return {
        **row,
        "memory": None if row["required_bytes"] is None else [row["required_bytes"], row["available_bytes"]],
        "placement": row["placement"] or "does not fit",
        "speed": row["decode_tokens_per_second"],
        "first_token_seconds": first["likely"] if first else None,
    }


def _offer(entry: dict[str, Any]) -> dict[str, Any]:
    memory = [entry["required_bytes"], entry["memory_bytes"]]
    return {**entry, "memory": memory, "speed": entry["decode_tokens_per_second"]}


def _hints(question: Question, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The best quantisation that lies on GPUs; without one, Q4_K_M or the smallest that fits."""
    slug = question.subject.slug
    good = [row for row in rows if row["fits"] and row["meets_target"] is not False]
    if not good:
        return ["modelpick recommend", f"modelpick plan {slug} --assume-idle"]
    on_gpus = [row for row in good if row["placement"] in ON_GPUS]
    usual = [row for row in good if row["quantisation"] == _FOCUS]
    best = (on_gpus or usual or good[-1:])[0]
    if question.subject.local:
        return [f"modelpick inspect {slug}"]
    return [f"modelpick download {slug} --quant {best['quantisation']}"]
