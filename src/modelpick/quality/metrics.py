"""The benchmarks we use: which family each speaks for, its scale, and the source it shares errors with.

Scores of different leaderboards, or of different editions of one, do not compare: each is a metric of its own with
its own offset and slope in the fit. Accuracies become logits above chance, so that 90 to 95 % counts as much as
50 to 67 %; word error rates become the logarithm of the error; arena points and judge marks stay linear.
"""

from __future__ import annotations

import math

from modelpick.quality.interface import Family, Score
from modelpick.values import dataclass

_FLOOR, _CEILING = 0.005, 0.995
_OLD_LEADERBOARD = "Open LLM Leaderboard v1"


@dataclass(frozen=True, slots=True)
class Metric:
    """A benchmark: the families it informs; ``scale`` accuracy, points or errors; ``chance`` in percent."""

    name: str
    families: tuple[Family, ...]
    scale: str = "accuracy"
    chance: float = 0.0
    human: bool = False


def _accuracy(*names: str, families: tuple[Family, ...], chance: float = 0.0) -> list[Metric]:
    return [Metric(name, families, chance=chance) for name in names]


_ALL: list[Metric] = [
    Metric("Arena text score", ("general",), "points", human=True),
    Metric("Arena text score (instruction following)", ("general",), "points", human=True),
    Metric("Arena text score (coding)", ("code",), "points", human=True),
    Metric("Arena text score (math)", ("general", "reasoning"), "points", human=True),
    Metric("Arena Elo", ("general",), "points", human=True),
    Metric("Arena vision score", ("vision",), "points", human=True),
    Metric("Arena text-to-image score", ("image",), "points", human=True),
    Metric("MT-Bench", ("general",), "marks"),
    *_accuracy(
        "LiveBench 2024-11-25 global average",
        "LiveBench 2025-05-30 global average",
        "LiveBench 2026-01-08 global average",
        "IFEval",
        "IFEval (OLLB v2)",
        "BBH (OLLB v2)",
        "MuSR (OLLB v2)",
        families=("general",),
    ),
    *_accuracy("MMLU", "MMLU (ObsScaling run)", families=("general",), chance=25),
    *_accuracy("HellaSwag", "ARC-c", families=("general",), chance=25),
    *_accuracy("MMLU-Pro", "MMLU-Pro (OLLB v2)", families=("general", "reasoning"), chance=10),
    *_accuracy("GPQA", "GPQA (OLLB v2)", families=("general", "reasoning"), chance=25),
    *_accuracy("GSM8K", "GSM8K (ObsScaling run)", "MATH", "MATH Lvl 5 (OLLB v2)", families=("general", "reasoning")),
    *_accuracy("MATH-500", "AIME 2024", "AIME 2025", families=("general", "reasoning")),
    *_accuracy("HumanEval", "MBPP", "LiveCodeBench", families=("code",)),
    *_accuracy("HumanEval+", "MBPP+", "HumanEval (ObsScaling run)", "SWE-bench Verified", families=("code",)),
    *_accuracy("MMMU", families=("vision",), chance=25),
    *_accuracy("MTEB(Multilingual, v2) mean(task)", "MTEB(eng, v2) mean(task)", families=("embedding",)),
    Metric("Open ASR Leaderboard avg WER (en short-form)", ("speech",), "errors"),
]
METRICS = {metric.name: metric for metric in _ALL}


@dataclass(frozen=True, slots=True)
class Observation:
    """A score on a scale where equal steps mean equal gains; ``source`` groups scores with shared errors."""

    model: str
    metric: str
    value: float
    source: str
    trust: float
    human: bool


def observation(score: Score) -> Observation | None:
    """The score as the fit reads it; None for a benchmark that is not used."""
    metric = METRICS.get(score.metric)
    if metric is None or not math.isfinite(score.value):
        return None
    reference = score.source or ""
    name = score.metric
    if _OLD_LEADERBOARD in reference:
        # The frozen leaderboard ran its own settings: 25-shot ARC, 10-shot HellaSwag, 5-shot MMLU and GSM8K.
        name += " (OLLB v1)"
    elif "LMSYS" in reference and score.metric == "MMLU":
        name += " (LMSYS table)"
    return Observation(
        score.model, name, _transform(metric, score.value), source_of(score), _trust(score, metric), metric.human
    )


def source_of(score: Score) -> str:
    """Which campaign a score comes from: its scores share settings and mistakes, and are held out together."""
    reference = score.source or ""
    for mark, source in (
        ("lmarena-ai", "arena-2026"),
        ("LMArena", "arena-2025"),
        ("LMSYS", "lmsys-2024"),
        ("open-llm-leaderboard", "open-llm-leaderboard-2"),
        (_OLD_LEADERBOARD, "open-llm-leaderboard-1"),
        ("ObsScaling", "obsscaling"),
        ("evalplus", "evalplus"),
        ("EvalPlus", "evalplus"),
        ("embeddings-benchmark", "mteb"),
        ("open_asr_leaderboard", "open-asr"),
    ):
        if mark in reference:
            return source
    if score.metric.startswith("LiveBench"):
        return score.metric.removesuffix(" global average").lower().replace(" ", "-")
    return "makers"


def is_benchmark_used(name: str) -> bool:
    """Whether the fit reads this benchmark at all."""
    return name in METRICS


def families_of(metric_name: str) -> tuple[Family, ...]:
    """The families that an observation's metric informs."""
    bare = metric_name.removesuffix(" (OLLB v1)").removesuffix(" (LMSYS table)")
    return METRICS[bare].families


def _transform(metric: Metric, value: float) -> float:
    match metric.scale:
        case "points":
            return value / 100
        case "marks":
            return value
        case "errors":
            return -math.log(max(value, 0.1))
        case _:
            share = (value - metric.chance) / (100 - metric.chance)
            share = min(max(share, _FLOOR), _CEILING)
            return math.log(share / (1 - share))


def _trust(score: Score, metric: Metric) -> float:
    """Weight of one score: makers' own figures count half of what others measured."""
    if metric.human or score.kind == "third-party":
        return 1.0
    return 0.5 if score.kind == "self-reported" else 0.75
