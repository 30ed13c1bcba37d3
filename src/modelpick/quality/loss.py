"""What each quantisation costs in quality, from published measurements.

``_LOSS`` is the loss of an 8 B model in logits above chance on MMLU, read from the data table of
https://github.com/matt-c1/llama-3-quant-comparison (Llama 3 8B Instruct, 14,042 questions, fp16 65.20 %). Where the
table's difference is below its own noise, or a type is missing, the KL divergence of
https://github.com/ggml-org/llama.cpp/blob/master/tools/perplexity/README.md (Llama 3 8B) speaks through the
regression of the one on the other over the types that both measured (loss = 1.13 x KLD, correlation 0.98).

Larger models lose less: the 70B of the same table lost 0.43 to 0.46 of what the 8B lost at IQ3_M and IQ2_XS, which is
a power of -0.37 of the number of parameters. That power is an extrapolation outside 8 to 70 B.
"""

from __future__ import annotations

_REFERENCE = 8.03e9
_POWER = -0.37
_LOSS = {
    "F32": 0.0,
    "BF16": 0.0,
    "F16": 0.001,
    "Q8_0": 0.002,
    "Q6_K": 0.006,
    "Q5_K_M": 0.012,
    "Q5_K_S": 0.019,
    "Q5_1": 0.020,
    "Q5_0": 0.025,
    "Q4_K_M": 0.035,
    "Q4_K_S": 0.045,
    "IQ4_NL": 0.042,
    "IQ4_XS": 0.043,
    "Q4_1": 0.081,
    "Q4_0": 0.082,
    "Q3_K_L": 0.100,
    "Q3_K_M": 0.121,
    "IQ3_M": 0.140,
    "IQ3_S": 0.163,
    "IQ3_XS": 0.213,
    "IQ3_XXS": 0.248,
    "Q3_K_S": 0.322,
    "IQ2_M": 0.408,
    "Q2_K": 0.500,
    "Q2_K_S": 0.520,
    "IQ2_S": 0.606,
    "IQ2_XS": 0.838,
    "IQ2_XXS": 1.264,
    "IQ1_M": 3.1,
    "IQ1_S": 4.1,
    # Other formats: the transformers and Exl2 rows of the same table.
    "INT8": 0.036,
    "FP8": 0.012,
    "NF4": 0.095,
    "FP4": 0.182,
    "INT4": 0.095,
    "MLX_4BIT": 0.095,
}
# Formats whose weights were trained or tuned in that precision lose nothing by it: it is the published model.
_NATIVE = {"MXFP4", "NVFP4"}
_POINTS_PER_LOGIT = 10 / 1.38
"""The general index per logit of MMLU: the fit's slope of MMLU on the standardised ability is 1.38."""


def quality_loss(quantisation: str | None, params: int | None) -> float | None:
    """Points of the index that a quantisation costs a model of that size; None where nothing was published."""
    if quantisation is None:
        return None
    name = quantisation.upper().removeprefix("UD-").replace("-", "_")
    if name in _NATIVE:
        return 0.0
    loss = _LOSS.get(name)
    if loss is None and name.endswith(("_XL", "_L")):
        loss = _LOSS.get(name.removesuffix("_XL").removesuffix("_L") + "_M")
    if loss is None:
        return None
    scale: float = ((params or _REFERENCE) / _REFERENCE) ** _POWER
    return loss * scale * _POINTS_PER_LOGIT


def known_quantisations() -> tuple[str, ...]:
    """Every quantisation whose cost is known, by name."""
    return (*_LOSS, *sorted(_NATIVE))
