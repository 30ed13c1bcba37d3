"""Names of quantisations, read into bits: GGUF mixes and the schemes of other formats.

Sources: the formats' own documents; group sizes are the usual ones (128, MLX and bitsandbytes 64).
"""

from __future__ import annotations

import re

from modelpick.formats.mixes import BASE, canonical
from modelpick.values import dataclass

_USUAL_BITS = {
    "Q2_K_S": 2.97, "Q2_K": 3.01, "Q3_K_S": 3.5, "Q3_K_M": 3.89, "Q3_K_L": 4.25, "IQ4_XS": 4.36, "IQ4_NL": 4.6,
    "Q4_0": 4.54, "Q4_1": 5.0, "Q4_K_S": 4.58, "Q4_K_M": 4.87, "Q5_0": 5.5, "Q5_1": 6.0, "Q5_K_S": 5.53,
    "Q5_K_M": 5.69, "Q6_K": 6.56, "Q8_0": 8.5, "F16": 16.0, "BF16": 16.0, "F32": 32.0, "IQ1_S": 1.9,
    "IQ1_M": 2.05, "IQ2_XXS": 2.3, "IQ2_XS": 2.5, "IQ2_S": 2.65, "IQ2_M": 2.85, "IQ3_XXS": 3.2, "IQ3_XS": 3.42,
    "IQ3_S": 3.58, "IQ3_M": 3.7, "MXFP4_MOE": 4.4, "TQ1_0": 2.0, "TQ2_0": 2.3, "Q1_0": 1.5, "Q2_0": 2.6,
}  # fmt: skip
_LINEAR = r"(attn_|ffn_|ssm_(in|out|x|ba)|shortconv\.(in|out)_proj|cross_attn_).*weight$"
_KEPT = ("norm", "gate_inp", "conv1d", "sinks", "rope", "token_embd")
_BPW = r"(\d+(?:\.\d+)?)\s*bpw|(?:^|[^\d.])(\d(?:\.\d+)?)[-_ ]?bit"


@dataclass(frozen=True, slots=True)
class Mix:
    """A GGUF mix whose rules are known, and whether the name that was asked for means exactly that."""

    name: str
    exact: bool
    note: str | None = None

    @property
    def usual_bits(self) -> float:
        """Bits a weight over a whole model of more than 6 B parameters."""
        return _USUAL_BITS[self.name]


@dataclass(frozen=True, slots=True)
class Scheme:
    """Bits per weight of linear layers and of everything else."""

    linear_bits: float
    outer_bits: float = 16.0
    experts_only: bool = False
    exact: bool = True
    spread: float = 0.01
    note: str | None = None
    head_apart: bool = False
    """A tied output matrix is stored once more (FP8 checkpoints of tied models)."""

    def bits_of(self, name: str, dimensions: int) -> float:
        """Bits per weight of one tensor, by llama.cpp's name for it."""
        if name in {"token_embd.weight", "output.weight", "per_layer_token_embd.weight"}:
            return self.outer_bits
        if dimensions < 2 or any(part in name for part in _KEPT):
            return max(self.outer_bits, 16.0)
        if self.experts_only and "_exps." not in name:
            return self.outer_bits
        return self.linear_bits if re.search(_LINEAR, name) else self.outer_bits


def mix_of(quantisation: str | None) -> Mix:
    """The mix of a GGUF variant. Dynamic and fork mixes are taken for their nearest relative, and say so."""
    if not quantisation:
        return Mix("Q4_K_M", False, "the variant does not say its quantisation: taken for Q4_K_M")
    name = canonical(quantisation)
    if name:
        return Mix(name, True)
    stripped = re.sub(r"^(UD|I1|IMAT)[-_.]", "", quantisation.upper().replace("-", "_"))
    stripped = re.sub(r"^UD_", "", stripped)
    for ending, other in (("", ""), ("_XL", "_M"), ("_L", "_M"), ("_XXL", "_L"), ("_XS", "_S"), ("_XL", "")):
        if stripped.endswith(ending) or not ending:
            near = canonical(stripped[: len(stripped) - len(ending)] + other if ending else stripped)
            if near:
                return Mix(near, False, f"{quantisation} does not follow llama.cpp's mixes: taken for {near}")
    digits = re.search(r"(\d)", stripped)
    near = {"1": "IQ1_M", "2": "Q2_K", "3": "Q3_K_M", "4": "Q4_K_M", "5": "Q5_K_M", "6": "Q6_K", "8": "Q8_0"}.get(
        digits[1] if digits else "", "Q4_K_M"
    )
    return Mix(near, False, f"{quantisation} is not a mix of llama.cpp: taken for {near}")


def scheme_of(format_: str, quantisation: str | None) -> Scheme:
    """The scheme of a variant that is not GGUF."""
    kind = format_.lower()
    text = f"{kind} {quantisation or ''}".lower()
    bits = _bits_of(text)
    if kind == "mlx" or "mlx" in text:
        return _mlx(bits)
    if "exl" in text:
        return Scheme(bits or 4.0, 16.0, exact=False, spread=0.05)
    if "mxfp4" in text:
        return Scheme(4.25, 16.0, experts_only=True, spread=0.03)
    if "nvfp4" in text or "fp4" in text.replace("nf4", ""):
        return Scheme(4.5, 16.0, spread=0.03)
    if "nf4" in text or "bnb" in text or "bitsandbytes" in text:
        double = "double" in text or "dq" in text
        return Scheme(8.0) if bits == 8 or "int8" in text else Scheme(4.127 if double else 4.5)
    if "fp8" in text or "f8" in text or "e4m3" in text:
        return Scheme(8 + 32 / (128 * 128), head_apart=True)
    return _integer_or_plain(text, bits)


def _integer_or_plain(text: str, bits: float | None) -> Scheme:
    compressed = "compressed" in text or re.search(r"w\d+a\d+", text)
    if any(word in text for word in ("gptq", "awq", "int4", "int8", "w4a", "w8a", "autoround")) or compressed:
        eight = bits == 8 or "int8" in text or "w8a" in text
        if eight:
            return Scheme(8 + 16 / 128 + (0 if compressed else 8 / 128))
        return Scheme(4.125 if compressed else 4 + 16 / 128 + 4 / 128, spread=0.03)
    if bits in (3, 4, 8) and "bit" in text:
        return Scheme(bits + 0.25, spread=0.05, exact=False)
    if "fp32" in text or "f32" in text or "float32" in text:
        return Scheme(32.0, 32.0)
    return Scheme(16.0)


def _mlx(bits: float | None) -> Scheme:
    if bits is None or bits >= 16:
        return Scheme(16.0)
    return Scheme(bits + 0.5, bits + 0.5, spread=0.02)


def _bits_of(text: str) -> float | None:
    found = re.search(_BPW, text)
    if found:
        return float(found[1] or found[2])
    for word, bits in (("int4", 4.0), ("int8", 8.0), ("w4a", 4.0), ("w8a", 8.0), ("q4", 4.0), ("q8", 8.0)):
        if word in text:
            return bits
    return None


MIXES = tuple(BASE)
"""All GGUF mixes, as a convenience for those that walk over them."""
