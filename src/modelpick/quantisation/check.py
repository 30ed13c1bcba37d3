"""``--check``: the result loaded and run by llama.cpp, its logits beside those of the source.

The reference is the source in BF16 (a GGUF source: itself), written beside the result and removed afterwards. Both
are run by the same engine, so what differs is the quantisation.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.errors import IntegrityError, ModelpickError
from modelpick.quantisation.gguf_engine import GgufEngine
from modelpick.quantisation.interface import Recipe

if TYPE_CHECKING:
    import numpy as np

TEXT = """A lighthouse keeper writes down the weather every evening. On the first of March the wind came from the west
at 31 knots, and by midnight the barometer had fallen to 987 hPa. "It will not hold," she said, and put out the lamp in
the kitchen. Water boils at 100 degrees at sea level and at about 93 degrees on a mountain of 2,000 metres, because the
air presses less. Die Katze sitzt auf der Fensterbank und schaut in den Regen. Le train de Lyon part à huit heures.
def area(width, height):
    return width * height
The sum of the first ten odd numbers is 100; the proof needs one drawing. In the end the storm passed to the south of
the island, the ferry came two days late, and nobody on board had slept."""
LIMIT = 256
_SECONDS = 3600

PUBLISHED_KL: dict[str, float] = {
    "F16": 0.000551, "Q8_0": 0.001355, "Q6_K": 0.005452, "Q5_K_M": 0.010762, "Q5_K_S": 0.016595, "Q5_1": 0.018045,
    "Q5_0": 0.022239, "Q4_K_M": 0.031273, "Q4_K_S": 0.043136, "Q4_1": 0.071683, "Q4_0": 0.071940, "Q3_K_L": 0.087176,
    "Q3_K_M": 0.101913, "Q3_K_S": 0.228217, "Q2_K": 0.445132,
}  # fmt: skip
"""Mean KL divergence to the unquantised Llama 3 8B on Wikitext-2 without importance matrix. Source:
https://github.com/ggml-org/llama.cpp/blob/master/tools/perplexity/README.md"""


@dataclass(frozen=True, slots=True)
class Checked:
    """Result against source over ``tokens`` tokens; KL in nats. ``usual`` is what is published for the type."""

    tokens: int
    kl_mean: float
    kl_max: float
    top1_agreement: float
    usual: str
    reference: str
    continuation: str


def check(source: Path, made: Path, recipe: Recipe) -> Checked:
    """Run result and source along the built-in text.

    :raises IntegrityError: when the engine does not load the result, or its logits are not finite.
    """
    with tempfile.TemporaryDirectory(prefix=".modelpick-check-", dir=made.parent) as folder:
        work = Path(folder)
        reference = source
        if source.is_dir():
            reference = work / "reference.gguf"
            plain = replace(recipe, type="BF16", imatrix=None)
            GgufEngine().quantise(source, reference, plain, lambda done, total: None)
        ours = run(made, {"text": TEXT, "limit": LIMIT, "generate": 12}, work / "ours.f32")
        theirs = run(reference, {"tokens": ours["evaluated"], "limit": LIMIT}, work / "theirs.f32")
        if theirs["vocabulary"] != ours["vocabulary"]:
            raise IntegrityError(f"{made.name} has {ours['vocabulary']} tokens, the source {theirs['vocabulary']}")
        kl_mean, kl_max, same = compare(work / "theirs.f32", work / "ours.f32", ours["vocabulary"])
    usual = PUBLISHED_KL.get(recipe.type)
    return Checked(
        len(ours["evaluated"]),
        kl_mean,
        kl_max,
        same,
        f"KL {usual:.2g} (Llama 3 8B, Wikitext-2)" if usual else "nothing published",
        "BF16" if source.is_dir() else source.name,
        ours["continuation"],
    )


def run(model: Path, request: dict[str, Any], logits: Path) -> dict[str, Any]:
    """Ask the engine in a process of its own; logits go to a file of float32 rows.

    :raises IntegrityError: when it does not load or run the model.
    """
    asked = logits.with_suffix(".json")
    asked.write_text(json.dumps(request), encoding="utf-8")
    command = [sys.executable, "-m", "modelpick.quantisation.engine_child", str(model), str(asked), str(logits)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelpickError(f"llama.cpp did not get through {model.name} in {_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise IntegrityError(f"{model.name} does not run: {lines[-1][:500]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(reference: Path, ours: Path, vocabulary: int) -> tuple[float, float, float]:
    """Mean and largest KL divergence (nats) and the share of equal first choices, row by row.

    :raises IntegrityError: when a logit of ours is not finite.
    """
    import numpy as np

    row = vocabulary * 4
    divergences, same = [], 0
    with reference.open("rb") as theirs, ours.open("rb") as mine:
        while data := mine.read(row):
            q, p = np.frombuffer(data, "<f4"), np.frombuffer(theirs.read(row), "<f4")
            if not np.isfinite(q).all():
                raise IntegrityError("the result gives logits that are not finite")
            log_p, log_q = _log_softmax(p), _log_softmax(q)
            divergences.append(max(float((np.exp(log_p) * (log_p - log_q)).sum()), 0.0))
            same += int(p.argmax() == q.argmax())
    count = max(len(divergences), 1)
    return sum(divergences) / count, max(divergences, default=0.0), same / count


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    import numpy as np

    shifted = logits.astype(np.float64) - float(logits.max())
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum())
    return result
