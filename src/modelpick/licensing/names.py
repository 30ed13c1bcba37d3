"""Names of repositories: their owner, their plain form, and what a re-packager added at the end."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?i)^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?!spaces/|datasets/)")
_REVISION = re.compile(r"@.*$|/(?:tree|blob|resolve)/.*$")
_PACKING = re.compile(
    r"(?i)[-_.](?:i1-)?(?:gguf|ggml|gptq|awq|exl2|exl3|onnx|mlx|openvino|ov|fp8|fp16|bf16|nf4|nvfp4|mxfp4|int4|int8|w4a16|"
    r"w8a8|w8a16|bnb(?:-[48]bit)?|[2348]-?bit|[2-8](?:\.\d+)?bpw|q[2-8](?:_[k01](?:_[sml])?)?|iq[1-4]\w*|imatrix|"
    r"hqq|marlin|autoround|gs\d+|dynamic|quantized|safetensors|sharded|hf)(?=$|[-_.])"
)
_COPY = re.compile(
    r"(?i)(?:^|[-_.])(?:gguf|ggml|gptq|awq|exl2|exl3|onnx|mlx|openvino|nf4|nvfp4|mxfp4|w4a16|w8a8|bnb-[48]bit|"
    r"\d(?:\.\d+)?bpw|imatrix|quantized)(?:$|[-_.])"
)
_TAIL = re.compile(
    r"(?:base|instruct|inst|chat|it|pt|hf|preview|thinking|turbo|coder|code|math|vl|vision|large|small|medium|mini|moe|"
    r"nano|super|ultra|lightning|flash|lite|plus|pro|tiny|distill|"
    r"v?\d+(?:\.\d+)*(?:b|m|k|e)?|a\d+(?:\.\d+)?b|\d+x\d+b|e\d+b|\d{3,})"
)


def plain_name(name: str) -> str:
    """``name`` without the Hub's address, a revision (``@refs/pr/19``) and blanks at its ends."""
    return _REVISION.sub("", _ADDRESS.sub("", name.strip())).strip()


def is_pull_request(name: str) -> bool:
    """Whether ``name`` asks for a pull request's revision, which anybody may write."""
    return "@refs/pr/" in name


def owner_of(name: str) -> str:
    """The part before the slash, in lower case; empty where there is none."""
    owner, slash, _ = name.partition("/")
    return owner.strip().lower() if slash else ""


def base_of(name: str) -> str:
    """The part after the slash."""
    return name.rpartition("/")[2]


def hint_form(name: str) -> str:
    """The name after the slash as the hints read it: lower case, separators as ``-``."""
    return re.sub(r"[\s_/]+", "-", base_of(name).lower())


def is_text(name: str) -> bool:
    """Whether a parent is described in words rather than named."""
    return any(character.isspace() for character in name.strip())


def looks_like_copy(name: str) -> bool:
    """Whether the name says quantised files or another format of somebody's weights."""
    return _COPY.search(base_of(name)) is not None


def unpacked(name: str) -> tuple[str, ...]:
    """What a copy may be a copy of, best guess first: ``bartowski/owner_model-GGUF`` is ``owner/model``."""
    bare = _PACKING.sub("", base_of(name))
    guesses = []
    owner, underscore, rest = bare.partition("_")
    if underscore and rest:
        guesses.append(f"{owner}/{rest}")
    if owner_of(name):
        guesses.append(f"{name.partition('/')[0]}/{bare}")
    guesses.append(bare)
    return tuple(guesses)


def is_plain_tail(tail: str) -> bool:
    """Whether what follows a family's name is only sizes, versions and words like ``instruct``."""
    return all(_TAIL.fullmatch(word) for word in re.split(r"[-_.\s]+(?![0-9])|[-_\s]+", tail.lower()) if word)
