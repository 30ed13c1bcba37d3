"""The document of an explanation: filters, forms, licence chain, score and rank of one model."""

from __future__ import annotations

from typing import Any

from modelpick.cli.answers import as_row, needs_fields, option_words, rejection_fields, table_row
from modelpick.cli.deciding import Decider
from modelpick.cli.recommend_document import explained_lines, machine_pairs
from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import to_json
from modelpick.licensing.interface import Step, Verdict
from modelpick.licensing.serialise import to_data
from modelpick.output.interface import Block, Column, Document, Facts, Grid, Lines, Tree
from modelpick.pick import GGUF_TYPES, Machine, recommend
from modelpick.quality.loss import quality_loss
from modelpick.registry.layers import Layers
from modelpick.registry.shelf import entry_of, serves
from modelpick.registry.shelving import ability_of
from modelpick.selection.filters import all_rejections
from modelpick.selection.interface import Entry, Needs, Recommendation, Rejection
from modelpick.selection.ranking import every_option
from modelpick.values import replace

_FORM_COLUMNS = (
    Column("quantisation", "Quant"),
    Column("runtime", "Runtime"),
    Column("memory", "Needs / has", kind="part", right=True),
    Column("placement", "Placement"),
    Column("speed", "Speed", kind="pace", right=True),
    Column("quality", "Quality", kind="interval", right=True),
    Column("score", "Score", right=True),
    Column("message", "Why not", wrap=True),
)


def explanation(
    registry: Layers, slug: str, needs: Needs, hardware: Hardware, decider: Decider, notes: tuple[str, ...] = ()
) -> tuple[Document, bool]:
    """Everything that ``explain`` says of a model, and whether it stands in the answer."""
    entry = entry_of(registry, slug, ability_of(needs.task))
    verdict, decision = decider.verdict(slug), decider.decision(slug)
    filtered = _filtered(registry, entry, needs, decider)
    machine = Machine(hardware)
    # Forms that are too slow are shown with their figures; whether they count is said once, for the best of them.
    at_any_speed = replace(needs, min_speed=None)
    forms = every_option(
        entry, at_any_speed, hardware, decision, assess=machine.assess, loss=quality_loss, gguf_types=GGUF_TYPES
    )
    best = next((form for form in forms if isinstance(form, Recommendation)), None)
    rank, ahead, kin = _place(registry, entry, needs, hardware, decider) if best and not filtered else (None, [], None)
    if best is None:
        filtered.append(_runs_nowhere(slug, forms))
    elif rank is None and kin is None and not filtered:
        filtered += _slow(forms, needs)
    rows = [_form_row(form, verdict, needs.task) for form in forms]
    body: dict[str, Any] = {
        "registry": registry.edition(),
        "hardware": to_json(hardware),
        "needs": {**needs_fields(needs), "policy": decider.policy.name},
        "model": slug,
        "stands": not filtered,
        "rank": rank,
        "ahead": ahead,
        "family_pick": kin,
        "rejections": [rejection_fields(rejection) for rejection in filtered],
        "best": as_row(best, verdict.binding_licenses, needs.task, explained=True) if best else None,
        "results": rows,
        "verdict": to_data(verdict),
        "decision": {
            "allowed": decision.allowed,
            "commercial_use": decision.commercial_use,
            "clause": decision.clause,
            "policy": decision.policy,
            "warnings": list(decision.warnings),
        },
    }
    blocks = _blocks(entry, filtered, best, rows, verdict, hardware, _rank_words(rank, ahead, kin, needs))
    notes = (*notes, "licence verdicts are not legal advice")
    hints = (f"modelpick plan {slug}", f"modelpick license explain {slug}")
    return Document("modelpick.explain/1", body, blocks, notes, hints), body["stands"]


def _filtered(registry: Layers, entry: Entry, needs: Needs, decider: Decider) -> list[Rejection]:
    """Every filter that turns the model down; what it is not for comes first."""
    found = all_rejections(entry, needs, lambda asked: decider.decision(asked.slug))
    if not serves(registry, entry.slug, needs.task):
        told = ", ".join(entry.tasks) or "nothing known"
        message = f"not offered for {needs.task}: it is a {entry.relation} model for {told}"
        found.insert(0, Rejection(entry.slug, "task", message, needs.task, told))
    return found


def _place(
    registry: Layers, entry: Entry, needs: Needs, hardware: Hardware, decider: Decider
) -> tuple[int | None, list[str], str | None]:
    """Its rank, the models just ahead of it, and its family's pick where that is another model."""
    picks = recommend(registry, hardware, needs, decider).picks
    for number, pick in enumerate(picks):
        if pick.candidate.entry.slug == entry.slug:
            return pick.rank, [p.candidate.entry.slug for p in picks[max(number - 3, 0) : number]], None
    kin = next((p.candidate.entry.slug for p in picks if p.candidate.entry.family == entry.family), None)
    return None, [], kin


def _runs_nowhere(slug: str, forms: list[Recommendation | Rejection]) -> Rejection:
    """The form that came nearest, or that there is none for this backend."""
    turned = [form for form in forms if isinstance(form, Rejection)]
    return turned[-1] if turned else Rejection(slug, "runtime", "no published form of it runs on this backend")


def _slow(forms: list[Recommendation | Rejection], needs: Needs) -> list[Rejection]:
    """The speed of its fastest form, where that is what keeps it out."""
    speeds = [
        (form.fit.speed.decode_tokens_per_second.likely, form.candidate)
        for form in forms
        if isinstance(form, Recommendation) and form.fit.speed
    ]
    if not speeds or needs.min_speed is None:
        return []
    likely, candidate = max(speeds, key=lambda pair: pair[0])
    message = f"its fastest form, {candidate.option.quantisation}, runs at about {likely:.2g} tokens per second, "
    message += f"wanted {needs.min_speed:g}"
    slug, wanted = candidate.entry.slug, needs.min_speed
    return [Rejection(slug, "speed", message, wanted, round(likely, 2), "tokens_per_second", candidate.option)]


def _rank_words(rank: int | None, ahead: list[str], kin: str | None, needs: Needs) -> str | None:
    if rank == 1:
        return f"first for {needs.task} on this machine"
    if rank is not None:
        return f"number {rank} for {needs.task} on this machine, behind {', '.join(reversed(ahead))}"
    return f"not its family's pick: {kin} scores higher here" if kin else None


def _form_row(form: Recommendation | Rejection, verdict: Verdict, task: str) -> dict[str, Any]:
    if isinstance(form, Recommendation):
        return {**as_row(form, verdict.binding_licenses, task, explained=False), "fits": True, "message": None}
    return {**rejection_fields(form), "fits": False}


def _blocks(
    entry: Entry,
    filtered: list[Rejection],
    best: Recommendation | None,
    rows: list[dict[str, Any]],
    verdict: Verdict,
    hardware: Hardware,
    place: str | None,
) -> list[Block]:
    blocks: list[Block] = [
        Facts([("Model", f"{entry.name} ({entry.slug})", "text"), ("Rank", place, "text"), *machine_pairs(hardware)])
    ]
    if filtered:
        blocks.append(Lines([f"{turned.reason}: {turned.message}" for turned in filtered], "Turned down", bullet=True))
    shown = [table_row(row) if row["fits"] else row for row in rows]
    if shown:
        blocks.append(Grid(_FORM_COLUMNS, shown, "Forms, best first", main=True))
    if best:
        blocks.append(Lines(explained_lines(best), f"Best here: {option_words(best.candidate)}", bullet=True))
    blocks.append(Lines([verdict.reason], f"Licence: {verdict.commercial_use}, {verdict.status}"))
    blocks.append(_chain(verdict))
    return blocks


def _chain(verdict: Verdict) -> Tree:
    """The licence chain as a tree by the steps' depth."""

    def branch(steps: list[Step], depth: int) -> list[Tree]:
        found: list[Tree] = []
        for place, step in enumerate(steps):
            if step.depth != depth:
                continue
            below = []
            for later in steps[place + 1 :]:
                if later.depth <= depth:
                    break
                below.append(later)
            licenses = " + ".join(step.binding) or "no licence found"
            found.append(
                Tree(f"{step.model}: {licenses}, {step.commercial_use}: {step.reason}", branch(below, depth + 1))
            )
        return found

    roots = branch(list(verdict.chain), 0)
    return roots[0] if len(roots) == 1 else Tree(verdict.model, roots)
