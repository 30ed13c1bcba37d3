"""Which files of a repository make up the model that was asked for, and nothing besides.

No code, no pickle unless allowed, no second copy of the same weights in another precision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from modelpick.acquisition.interface import Listing, RemoteFile, Selection
from modelpick.acquisition.names import groups, missing_parts, normal_quantisation, part_of, quantisation_of
from modelpick.errors import IntegrityError, NotFoundError
from modelpick.units import format_bytes

PREFERRED = (
    "Q4_K_M", "MXFP4", "MXFP4_MOE", "UD-Q4_K_XL", "Q4_K_S", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1", "Q5_K_M", "Q5_K_S",
    "Q5_0", "Q5_1", "Q6_K", "Q8_0", "Q3_K_L", "Q3_K_M", "IQ3_M", "Q3_K_S", "Q2_K", "F16", "BF16", "F32",
)  # fmt: skip
"""What is taken when nobody asked for a quantisation, best first: small enough for most, good enough for all."""
_PROJECTOR = ("F16", "BF16", "Q8_0", "F32")
_ASIDE = re.compile(r"mmproj|imatrix|(?:^|[-_./])(?:draft|mtp)(?:[-_.]|$)", re.IGNORECASE)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_PICKLE_STATE = re.compile(r"training_args|optimizer|scheduler|rng_state|trainer_state", re.IGNORECASE)
_BESIDE = re.compile(
    r"(?:.*/)?(?:[^/]+\.json|[^/]+\.jinja|tokenizer\.model|[^/]+\.tiktoken|[^/]*(?:vocab|merges)[^/]*\.txt"
    r"|(?:LICEN[CS]E|NOTICE|COPYING|USE_POLICY)[^/]*)",
    re.IGNORECASE,
)
_NOT_BESIDE = re.compile(r"(?:pytorch_model|tf_model|flax_model|\.bin|consolidated)[^/]*\.json$", re.IGNORECASE)
_MODULE = re.compile(r"\d+_\w+")
"""Folders of a sentence-transformers pipeline (``1_Pooling``): they belong to the model at the root."""
_PRECISION = re.compile(r"\.(?:fp16|fp32|bf16|non_ema)(?=[.-])", re.IGNORECASE)


def choose_gguf(listing: Listing, quantisation: str | None, known: Sequence[str] = ()) -> Selection:
    """The GGUF of one quantisation with all its parts, and the projector where the repository has one.

    ``known`` are the exact paths where the registry has them. Without ``quantisation`` the order of
    :data:`PREFERRED` decides.

    :raises NotFoundError: when it is not there, naming what is.
    :raises IntegrityError: when a split model lacks a part.
    """
    files = {file.path: file for file in listing.files if file.path.lower().endswith(".gguf")}
    models = groups(path for path in files if not _ASIDE.search(path))
    if not models:
        raise NotFoundError(f"{listing.repo} holds no GGUF", hint="`--format safetensors` takes the source weights")
    by_name: dict[str | None, list[list[str]]] = {}
    for paths in models.values():
        by_name.setdefault(quantisation_of(paths[0]), []).append(paths)
    there = tuple(sorted(name for name in by_name if name))
    wanted = normal_quantisation(quantisation) if quantisation else _best(by_name)
    if wanted not in by_name:
        raise NotFoundError(
            f"{listing.repo} has no {wanted}", hint=f"it has: {', '.join(there) or 'no quantisation in its names'}"
        )
    paths, notes = _one(by_name[wanted], known)
    if gap := missing_parts(paths):
        parts = part_of(paths[0])
        raise IntegrityError(
            f"{listing.repo}: part {gap[0]} of {parts.parts if parts else '?'} of {wanted or paths[0]} is not there",
            hint="its publisher may still be uploading; try another --quant or later",
        )
    chosen = [files[path] for path in paths]
    if projector := _projector(files.values()):
        chosen.append(projector)
        notes.append(f"the projector {projector.path} comes along: the model sees images with it")
    return Selection("gguf", wanted, tuple(chosen), tuple(notes), tuple(name for name in there if name != wanted))


def _best(names: Iterable[str | None]) -> str | None:
    known = [name for name in names if name]
    if not known:
        return None
    order = {name: place for place, name in enumerate(PREFERRED)}
    return min(known, key=lambda name: (order.get(name, len(order)), name))


def _one(found: list[list[str]], known: Sequence[str]) -> tuple[list[str], list[str]]:
    """One model of several that carry the same quantisation: the known one, else whole before split, short first."""
    exact = [paths for paths in found if set(paths) <= set(known)]
    best = min(exact or found, key=lambda paths: (len(paths), paths[0].count("/"), len(paths[0]), paths[0]))
    others = [paths[0] for paths in found if paths is not best]
    return best, [f"also there in this quantisation: {', '.join(others[:3])}"] if others else []


def _projector(files: Iterable[RemoteFile]) -> RemoteFile | None:
    found = [file for file in files if "mmproj" in file.path.lower()]
    order = {name: place for place, name in enumerate(_PROJECTOR)}
    return min(found, key=lambda file: (order.get(quantisation_of(file.path) or "", 9), file.path), default=None)


def choose_weights(listing: Listing, *, allow_pickle: bool = False) -> Selection:
    """The source weights as safetensors with their configuration and tokenizer; pickles only when allowed.

    :raises NotFoundError: when there are no weights that may be fetched.
    :raises IntegrityError: when a split model lacks a part.
    """
    weights = [file for file in listing.files if file.path.lower().endswith(".safetensors")]
    notes: list[str] = []
    kind = "safetensors"
    if not weights:
        weights, kind = _pickles(listing, allow_pickle), "pickle"
        notes.append("these weights are pickles: loading them can run code that they hold")
    weights = _single_copy(weights)
    for paths in groups(file.path for file in weights).values():
        if gap := missing_parts(paths):
            raise IntegrityError(
                f"{listing.repo}: part {gap[0]} of the weights is not there",
                hint="its publisher may still be uploading; try again later, or another --revision",
            )
    folders = {file.path.rpartition("/")[0] for file in weights}
    beside = [
        file
        for file in listing.files
        if _BESIDE.fullmatch(file.path)
        and (kind == "pickle" or not _NOT_BESIDE.search(file.path))
        and ("" not in folders or _at_root(file.path))
    ]
    chosen = {file.path: file for file in [*beside, *weights]}
    return Selection(kind, None, tuple(chosen[path] for path in sorted(chosen)), tuple(notes))


def _pickles(listing: Listing, allowed: bool) -> list[RemoteFile]:
    found = [
        file
        for file in listing.files
        if file.path.lower().endswith(_PICKLES) and not _PICKLE_STATE.search(file.path) and "/" not in file.path
    ]
    if not found:
        raise NotFoundError(f"{listing.repo} holds no weights that modelpick knows", hint="see its files on the Hub")
    if not allowed:
        size = format_bytes(sum(file.bytes for file in found))
        raise NotFoundError(
            f"{listing.repo} has its weights only as pickles ({len(found)} files, {size}); loading one runs its code",
            hint="if you trust the publisher: --allow-pickle",
        )
    return found


def _single_copy(weights: list[RemoteFile]) -> list[RemoteFile]:
    """The weights once: those at the root if there are any, not Meta's consolidated copy, not a second precision."""
    if any("/" not in file.path for file in weights):
        weights = [file for file in weights if _at_root(file.path)]
    if usual := [file for file in weights if not file.path.rpartition("/")[2].startswith("consolidated")]:
        weights = usual
    plain = {file.path for file in weights if not _PRECISION.search(file.path)}
    return [file for file in weights if file.path in plain or _PRECISION.sub("", file.path) not in plain]


def _at_root(path: str) -> bool:
    folder, _, _ = path.rpartition("/")
    return not folder or bool(_MODULE.fullmatch(folder))
