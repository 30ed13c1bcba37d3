"""The document of an answer: picks, what they rest on, what was turned down, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelpick.cli.answers import COLUMNS, as_row, needs_fields, rejection_fields, table_row
from modelpick.cli.deciding import Decider
from modelpick.estimation.interface import PoolUse
from modelpick.hardware.interface import Hardware
from modelpick.hardware.inventory import to_json
from modelpick.output.interface import Block, Column, Document, Facts, Grid, Lines
from modelpick.selection.interface import Answer, Needs, Recommendation, Rejection
from modelpick.selection.options import runtimes_for
from modelpick.units import GIB
from modelpick.values import replace

_MOST_MISSES = 5
_WITHOUT_CONTEXT = ("image", "speech-to-text", "text-to-speech")
"""What reads no context, and whose pace --min-speed does not name: 0 says that any will do."""
_SERVER_GPUS, _SERVER_USERS = 4, 5


def answer_document(
    answer: Answer,
    needs: Needs,
    hardware: Hardware,
    decider: Decider,
    edition: Mapping[str, Any],
    *,
    explained: bool,
) -> Document:
    """Everything that ``recommend`` says of an answer."""
    rows = [
        as_row(pick, decider.verdict(pick.candidate.entry.slug).binding_licenses, needs.task, explained=explained)
        for pick in answer.picks
    ]
    misses = [] if answer.picks else _nearest(answer.rejections)
    body: dict[str, Any] = {
        "registry": dict(edition),
        "hardware": to_json(hardware),
        "needs": {**needs_fields(needs), "policy": decider.policy.name},
        "results": rows,
        "rejected": {
            "count": sum(answer.counts.values()),
            "reasons": dict(answer.counts),
            "nearest": [rejection_fields(miss) for miss in misses],
        },
        "considered": answer.considered,
        "outranked": answer.outranked,
    }
    if explained:
        body["rejected"]["list"] = [rejection_fields(rejection) for rejection in answer.rejections]
    return Document(
        "modelpick.recommend/1",
        body,
        blocks=_blocks(answer, rows, misses, hardware, explained=explained),
        notes=_notes(answer, needs, hardware, decider),
        hints=_hints(answer, misses, needs),
    )


def _blocks(
    answer: Answer, rows: Sequence[dict[str, Any]], misses: Sequence[Rejection], hardware: Hardware, *, explained: bool
) -> list[Block]:
    blocks: list[Block] = [Facts(machine_pairs(hardware))]
    if not rows:
        blocks.append(Grid(_MISS_COLUMNS, [rejection_fields(miss) for miss in misses], "Nothing fits; nearest were"))
        return blocks
    blocks.append(Grid(COLUMNS, [table_row(row) for row in rows], main=True))
    if explained:
        for pick in answer.picks:
            blocks.append(Lines(explained_lines(pick), f"{pick.rank}. {pick.candidate.entry.slug}", bullet=True))
        blocks.append(Facts([(reason, count, "count") for reason, count in answer.counts.items()], "Turned down"))
    return blocks


def machine_pairs(hardware: Hardware) -> list[tuple[str, Any, Any]]:
    """The machine in a few lines: name, memory, each GPU."""
    cpu, host = hardware.cpu, hardware.host
    cores = f"{cpu.name or cpu.architecture}, {cpu.usable_cores:g} cores"
    title = hardware.label or ("simulated machine" if hardware.simulated else "this machine")
    pairs: list[tuple[str, Any, Any]] = [("Machine", title, "text"), ("CPU", cores, "text")]
    pairs.append(("Memory", (host.free_bytes or 0, host.total_bytes or 0), "part"))
    for device in hardware.usable_devices:
        pool = hardware.pool(device.pool)
        name = f"GPU {device.index}"
        if device.unified:
            pairs.append((name, f"{device.name} ({device.backend}), shares the host's memory", "text"))
        else:
            free, total = (pool.free_bytes or 0) / GIB, (pool.total_bytes or 0) / GIB
            pairs.append((name, f"{device.name} ({device.backend}), {free:.1f} of {total:.1f} GiB free", "text"))
    return pairs


def explained_lines(pick: Recommendation) -> list[str]:
    """The arithmetic of one pick: memory by part and pool, each score part, the licence."""
    parts = pick.fit.footprint
    memory = [
        ("weights", parts.weights),
        ("KV cache", parts.kv_cache),
        ("recurrent state", parts.recurrent_state),
        ("compute buffers", parts.compute),
        ("runtime overhead", parts.overhead),
        ("projector", parts.projector),
    ]
    terms = " + ".join(f"{size / GIB:.2f} {name}" for name, size in memory if size)
    lines = [f"memory: {parts.total / GIB:.2f} GiB = {terms} ({parts.weights_origin} weights)"]
    lines += [_pool_line(use) for use in pick.fit.placement.uses]
    if pick.fit.speed:
        lines.append(f"speed: {pick.fit.speed.basis}")
    elif pick.fit.throughput:
        lines.append(f"speed: {pick.fit.throughput.basis}")
    lines += [f"{part.name}: {part.points:+.1f} points: {part.reason}" for part in pick.parts]
    lines.append(f"licence: {pick.decision.clause}")
    lines += [f"note: {note}" for note in dict.fromkeys((*parts.notes, *pick.fit.notes))]
    return lines


def _pool_line(use: PoolUse) -> str:
    """What is taken of one pool, and of what that is the sum: PyTorch itself takes more than a small model."""
    parts = (
        (use.weights_bytes, "weights"),
        (use.kv_cache_bytes, "KV cache"),
        (use.compute_bytes, "compute buffers"),
        (use.overhead_bytes, "runtime overhead"),
    )
    terms = " + ".join(f"{size / GIB:.2f} {name}" for size, name in parts if size)
    layers = f"; {use.layers} layers" if use.layers else ""
    return f"{use.pool}: {use.required_bytes / GIB:.2f} of {use.available_bytes / GIB:.2f} GiB = {terms}{layers}"


def _notes(answer: Answer, needs: Needs, hardware: Hardware, decider: Decider) -> list[str]:
    notes = [*answer.notes, *(note.message for note in hardware.notes)]
    turned_down = ", ".join(f"{count:,} {reason}" for reason, count in answer.counts.items())
    if turned_down:
        notes.append(f"turned down: {turned_down}; {answer.outranked:,} more could not have entered the list")
    if answer.picks and any(pick.quality is None for pick in answer.picks):
        notes.append(f"no comparable scores are published for {needs.task}; the order rests on size and speed")
    if _a_server(needs, hardware):
        # Not among the defaults: its runs that we have are of one user, on one to four consumer cards.
        notes.append(
            "vLLM was not compared: --runtime vllm does. It is what serves many people at once, but how fast it is "
            "then is estimated without a measurement behind it"
        )
    if answer.picks and decider.policy.name != "any":
        notes.append(f"licences by the policy {decider.policy.name}; not legal advice")
    return notes


def _a_server(needs: Needs, hardware: Hardware) -> bool:
    """A machine or a use that vLLM is made for, where it runs and nobody asked for a runtime."""
    if needs.runtimes or needs.task in ("image", "text-to-speech"):
        return False
    possible = runtimes_for(hardware, replace(needs, runtimes=("vllm",)))
    return bool(possible) and (len(hardware.usable_devices) >= _SERVER_GPUS or needs.users >= _SERVER_USERS)


def _hints(answer: Answer, misses: Sequence[Rejection], needs: Needs) -> list[str]:
    if answer.picks:
        slug = answer.picks[0].candidate.entry.slug
        quantisation = answer.picks[0].candidate.option.quantisation
        fetch = f"modelpick download {slug}" + (f" --quant {quantisation}" if quantisation else "")
        if answer.picks[0].candidate.option.made_here:
            fetch = f"modelpick quantise {slug} --type {quantisation}"
        return [f"modelpick explain {slug}", fetch]
    return what_would_help(answer, misses, needs)


def what_would_help(answer: Answer, misses: Sequence[Rejection], needs: Needs) -> list[str]:
    """What to change so that something fits, from the reasons that turned most down."""
    found = []
    if "runtime" in answer.counts:
        found.append("ask for another --runtime or --quant: nothing is published in that form for this machine")
    for miss in misses[:1]:
        if miss.unit == "bytes" and isinstance(miss.needed, int | float):
            less = "" if needs.task in _WITHOUT_CONTEXT else "; a smaller --context needs less"
            found.append(f"{miss.model} would need {miss.needed / GIB:.1f} GiB{less}")
        if miss.reason == "speed":
            slower = 0 if needs.task in _WITHOUT_CONTEXT else miss.available
            found.append(f"accept a lower speed: --min-speed {slower}")
    for reason, advice in _ASK_FOR_LESS.items():
        if reason in answer.counts:
            found.append(advice)
    if any(reason.startswith("licence") for reason in answer.counts):
        found.append("accept more licences: --license commercial, or --license any")
    return found or ["modelpick list --task chat shows what there is"]


def _nearest(rejections: Sequence[Rejection]) -> list[Rejection]:
    """The rejections that missed by least; those without figures last."""

    def miss(rejection: Rejection) -> tuple[float, str]:
        if isinstance(rejection.needed, int | float) and isinstance(rejection.available, int | float):
            small, large = sorted((float(rejection.needed), float(rejection.available)))
            return large / max(small, 1e-9), rejection.model
        return float("inf"), rejection.model

    return sorted(rejections, key=miss)[:_MOST_MISSES]


_ASK_FOR_LESS = {
    "context": "ask for less with --context",
    "language": "ask for less with --language",
    "capability": "ask for less with --needs",
    "release-date": "ask for an earlier --released-after",
    "download": "allow a larger --max-download",
}
_MISS_COLUMNS = (
    Column("model", "Model"),
    Column("quantisation", "Quant"),
    Column("message", "Why not", wrap=True),
)
