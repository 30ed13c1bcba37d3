"""What would be fetched: the right repository, pinned to its commit, the exact files, and what is here already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from modelpick.acquisition.choose import choose_gguf, choose_weights
from modelpick.acquisition.hub import describe, may_fetch, small_text
from modelpick.acquisition.interface import HubSettings, Listing, Patience, Plan, Selection, Source, Wish
from modelpick.acquisition.names import normal_quantisation
from modelpick.acquisition.reuse import elsewhere
from modelpick.acquisition.store import free_bytes, has_size, place, resumable
from modelpick.errors import AccessError, IntegrityError, ModelpickError, NotFoundError

REPACKAGERS = ("ggml-org", "bartowski", "unsloth", "lmstudio-community", "mradermacher", "TheBloke")
"""Community publishers of GGUF files, most careful first; anyone else comes after them."""
_LICENSES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENSE.rst", "COPYING")
_SOURCE_FORMATS = ("safetensors", "pickle")


def ordered(sources: Iterable[Source]) -> tuple[Source, ...]:
    """GGUF before source weights, the publisher's own before others', known re-packagers before unknown ones."""
    rank = {name.lower(): place for place, name in enumerate(REPACKAGERS)}

    def key(source: Source) -> tuple[bool, bool, int, str]:
        owner = source.repo.partition("/")[0].lower()
        return (source.format != "gguf", not source.official, rank.get(owner, len(rank)), source.repo)

    unique = {(source.repo, source.format, source.quantisation): source for source in sources}
    return tuple(sorted(unique.values(), key=key))


def make_plan(
    wish: Wish, hub: HubSettings, environment: Mapping[str, str], *, patience: Patience | None = None
) -> Plan:
    """The plan for a wish: the first source that has what was asked for.

    :raises NotFoundError: when none has it, with what they have.
    :raises NetworkError, AccessError: when the Hub does not answer or does not let us look.
    """
    missed: dict[str, ModelpickError] = {}
    listings: dict[str, Listing] = {}
    for source in _suitable(wish):
        try:
            if source.repo in missed and source.repo not in listings:
                continue  # It did not let us look.
            if source.repo not in listings:
                listings[source.repo] = describe(source.repo, wish.revision, hub, patience)
            selection = _select(wish, source, listings[source.repo])
        except (NotFoundError, AccessError) as error:
            missed[source.repo] = _unsafe(listings.get(source.repo), error)
            continue
        reasons = [error.message for repo, error in missed.items() if repo != source.repo]
        return _plan(wish, listings[source.repo], selection, hub, environment, reasons)
    if len(missed) == 1 and wish.quantisation is None:
        raise next(iter(missed.values()))
    raise _nothing(wish, list(missed.values()))


def _unsafe(listing: Listing | None, error: ModelpickError) -> ModelpickError:
    """The reason that counts where files were left out for their names."""
    if listing is None or not listing.unsafe:
        return error
    return IntegrityError(
        f"{listing.repo}: {len(listing.unsafe):,} files were refused for their unsafe names, such as "
        f"{listing.unsafe[0]}; of the rest: {error.message}",
        hint="such names are made to write outside their folder: take the model from another repository",
    )


def _suitable(wish: Wish) -> list[Source]:
    """The sources that can hold what was asked for, best first."""
    sources = _one_a_repository(wish, ordered(wish.sources))
    if wish.format == "gguf":
        return [source for source in sources if source.format == "gguf"]
    if wish.format:
        return [source for source in sources if source.format != "gguf" and _is_asked(wish, source)]
    if wish.quantisation:
        special = [source for source in sources if source.format != "gguf" and _is_asked(wish, source)]
        return special or [source for source in sources if source.format == "gguf"]
    return [source for source in sources if source.format == "gguf" or _is_asked(wish, source)]


def _one_a_repository(wish: Wish, sources: Iterable[Source]) -> list[Source]:
    """A GGUF repository once, by the row of the asked quantisation where there is one: its listing shows the rest."""
    chosen: dict[object, Source] = {}
    for source in sources:
        key = source.repo if source.format == "gguf" else source
        if key not in chosen or _same(source.quantisation, wish.quantisation):
            chosen[key] = source
    return list(chosen.values())


def _is_asked(wish: Wish, source: Source) -> bool:
    """Whether a source that is not GGUF has the asked precision: its own name, or none asked and none made."""
    made = {normal_quantisation(name) for name in (source.format, source.quantisation or "") if name}
    if wish.quantisation:
        return normal_quantisation(wish.quantisation) in made and source.format not in ("gguf",)
    return source.format in _SOURCE_FORMATS


def _select(wish: Wish, source: Source, listing: Listing) -> Selection:
    if source.format == "gguf":
        same = wish.quantisation and source.quantisation
        known = source.files if same and _same(wish.quantisation, source.quantisation) else ()
        return choose_gguf(listing, wish.quantisation, known)
    chosen = choose_weights(listing, allow_pickle=wish.allow_pickle)
    if source.format in _SOURCE_FORMATS:
        return chosen
    return replace(chosen, format=source.format, quantisation=source.quantisation)


def _same(one: str | None, other: str | None) -> bool:
    return bool(one and other) and normal_quantisation(one or "") == normal_quantisation(other or "")


def _plan(
    wish: Wish,
    listing: Listing,
    selection: Selection,
    hub: HubSettings,
    environment: Mapping[str, str],
    passed_over: list[str],
) -> Plan:
    notes = [*selection.notes, *(f"passed over: {reason}" for reason in passed_over)]
    if listing.repo != listing.asked:
        notes.append(f"{listing.asked} is now called {listing.repo}")
    if listing.unsafe:
        notes.append(f"{len(listing.unsafe):,} files with unsafe names were left out, such as {listing.unsafe[0]}")
    if selection.format in _SOURCE_FORMATS and wish.format is None and any(s.format == "gguf" for s in wish.sources):
        notes.append("no GGUF was found: these are the source weights, to be quantised here or run as they are")
    allowed = may_fetch(listing, hub)
    if not allowed:
        notes.append(f"gated ({listing.gated}): agree to the terms at {hub.endpoint}/{listing.repo} first")
    texts = (small_text(listing, name, hub) for name in _LICENSES if any(f.path == name for f in listing.files))
    plan = Plan(
        model=wish.model,
        repo=listing.repo,
        revision=wish.revision,
        commit=listing.commit,
        format=selection.format,
        quantisation=selection.quantisation,
        files=selection.files,
        target=str(wish.folder.absolute() if wish.folder else hub.cache.absolute()),
        disk_free_bytes=None,
        notes=tuple(notes),
        layout="folder" if wish.folder else "cache",
        gated=listing.gated,
        accessible=allowed,
        card=replace(listing.card, license_text=next(texts, None) if allowed else None),
        renamed_from=listing.asked if listing.repo != listing.asked else None,
        architecture=listing.architecture,
        params_total=listing.params_total or wish.params_total,
        alternatives=selection.alternatives,
        expected_architecture=wish.architecture,
    )
    return situated(plan, hub, environment)


def situated(plan: Plan, hub: HubSettings, environment: Mapping[str, str]) -> Plan:
    """The plan with what this disk says of it: room, files that are here, partials, copies in other stores."""
    files = []
    for file in plan.files:
        here = has_size(place(plan, file).final, file.bytes)
        files.append(replace(file, present=here, partial_bytes=0 if here else resumable(plan, file)))
    found = elsewhere([file for file in files if not file.present], hub, environment)
    files = [replace(file, reuse_from=found.get(file.path)) for file in files]
    return replace(plan, files=tuple(files), disk_free_bytes=free_bytes(Path(plan.target)))


def _nothing(wish: Wish, missed: list[ModelpickError]) -> ModelpickError:
    """Why no source will do."""
    if not wish.sources:
        return NotFoundError(f"{wish.model}: no repository with its weights is known", hint="give it as org/name")
    if missed and all(isinstance(error, AccessError) for error in missed):
        return missed[0]
    asked = wish.quantisation or wish.format or "weights"
    said = "; ".join(f"{error.message}{f' ({error.hint})' if error.hint else ''}" for error in missed[:4])
    if not said:
        said = f"known formats: {', '.join(sorted({source.format for source in wish.sources}))}"
    return NotFoundError(
        f"{wish.model}: no {asked} to download; {said}",
        hint=f"fetch the source and make it here: `modelpick download {wish.model} --format safetensors`, "
        "then `modelpick quantise`",
    )
