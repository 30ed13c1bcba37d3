"""Without the Hub: a model that was fetched before is found by its manifest and checked, not asked for."""

from __future__ import annotations

from modelpick.acquisition import manifest
from modelpick.acquisition.faults import offline
from modelpick.acquisition.interface import Artifact, HubSettings, Wish
from modelpick.acquisition.names import normal_quantisation
from modelpick.acquisition.plan import ordered
from modelpick.acquisition.store import repo_folder
from modelpick.acquisition.verify import Inspect, verify
from modelpick.errors import IntegrityError


def fetched_before(wish: Wish, hub: HubSettings, inspect: Inspect) -> Artifact:
    """The artifact on this disk that fulfils the wish, newest first, every file checked.

    :raises NetworkError: when there is none: offline mode forbids to ask for it.
    :raises IntegrityError: when there is one and it is damaged.
    """
    for source in ordered(wish.sources):
        folder = wish.folder or repo_folder(hub.cache, source.repo) / "snapshots" / "any"
        for path in sorted(manifest.all_of(folder), key=lambda one: -one.stat().st_mtime):
            artifact = manifest.read(path)
            if artifact.repo != source.repo or not _fulfils(artifact, wish):
                continue
            broken = [file for check in verify(path, inspect) for file in check.files if file.status != "ok"]
            if broken:
                raise IntegrityError(
                    f"{broken[0].path} is {broken[0].status}, and offline mode is on",
                    hint="unset HF_HUB_OFFLINE and run this again",
                )
            return artifact
    raise offline(wish.sources[0].repo if wish.sources else wish.model)


def _fulfils(artifact: Artifact, wish: Wish) -> bool:
    if wish.format and artifact.format != wish.format:
        return False
    if wish.revision not in ("main", artifact.commit):
        return False
    asked = wish.quantisation and normal_quantisation(wish.quantisation)
    return not asked or normal_quantisation(artifact.quantisation or "") == asked
