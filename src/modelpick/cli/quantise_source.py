"""Where the weights come from: a folder, a file, a model that is fetched, or the Hub while it sends."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelpick.acquisition.interface import Artifact, ArtifactFile, Observer, Plan
from modelpick.errors import ModelpickError, NotFoundError
from modelpick.values import dataclass, field

if TYPE_CHECKING:
    from modelpick.cli.download_license import Licensed
    from modelpick.cli.quantise_run import Request
    from modelpick.estimation.interface import Architecture
    from modelpick.quantisation.gguf_engine import GgufEngine
    from modelpick.quantisation.hub_source import HubSource
    from modelpick.quantisation.interface import Recipe
    from modelpick.quantisation.prepare import Prepared

_CARD_FIELD = re.compile(r"^(license|license_name|license_link|base_model):[ \t]*(\S.*?)?[ \t]*$", re.MULTILINE)
_CARD_ITEM = re.compile(r"^base_model:[ \t]*\n-[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_MOST_CARD_BYTES = 1 << 20

Planner = Callable[["GgufEngine", "Recipe"], "Prepared"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The source and all that is known of it. ``hub`` is set when it is streamed; ``path`` then holds small files."""

    path: Path
    name: str
    repo: str | None = None
    commit: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    base_model: str | None = None
    verdict: str | None = None
    known_files: tuple[ArtifactFile, ...] = ()
    hub: HubSource | None = None
    notes: tuple[str, ...] = field(default=())

    @contextmanager
    def opened(self, converter: Path | None) -> Iterator[Planner]:
        """How the file is planned: by us, or with the official converter first where we do not know the model."""
        if self.hub is not None:
            yield self._streamed
            return
        from modelpick.quantisation.converter import converted

        if converter is None or self.path.is_file() or self._is_ours():
            yield lambda engine, recipe: engine.plan(self.path, recipe)
            return
        with converted(self.path, converter) as middle:
            yield lambda engine, recipe: engine.plan(middle, recipe)

    def _is_ours(self) -> bool:
        from modelpick.quantisation.architectures import registry
        from modelpick.quantisation.architectures.config import read_config

        try:
            registry.find(read_config(self.path / "config.json"))
        except NotFoundError:
            return False
        return True

    def _streamed(self, engine: GgufEngine, recipe: Recipe) -> Prepared:
        from modelpick.quantisation import ggml_bridge
        from modelpick.quantisation.architectures.config import read_config
        from modelpick.quantisation.prepare import from_tensors

        install = engine.available()
        if install:
            raise ModelpickError("the packages that quantise are not installed", hint=install)
        assert self.hub is not None
        config = read_config(self.path / "config.json")
        prepared = from_tensors(self.hub, config, self.path, recipe, ggml_bridge.load())
        self.hub.begin()
        return prepared

    def files(self) -> tuple[ArtifactFile, ...]:
        """The source's files with their hashes; those of a folder without a manifest are hashed now."""
        if self.known_files:
            return self.known_files
        paths = [self.path] if self.path.is_file() else sorted(self.path.glob("*.safetensors"))
        return tuple(ArtifactFile(path.name, path.stat().st_size, sha256_of(path)) for path in paths)

    def architecture(self) -> Architecture:
        """The structure, for the estimate of what fits."""
        from modelpick.cli.inspect_read import inspect_path

        if self.hub is None:
            return inspect_path(self.path).architecture
        import json

        from modelpick.estimation.architecture import from_config

        return from_config(json.loads((self.path / "config.json").read_bytes()))


def local(path: Path, request: Request) -> Origin:
    """A folder or a file on this disk, with what its manifest, its card or its header says."""
    path = path.resolve()
    if request.stream:
        from modelpick.errors import UsageError

        raise UsageError("--stream reads from the Hub, and this source is on the disk already", hint="leave it out")
    name = path.name if path.is_dir() else path.stem
    known = _manifest(path)
    card = _card(path)
    return Origin(
        path,
        known.model if known else name,
        repo=known.repo if known else None,
        commit=known.commit if known else None,
        license=card.get("license"),
        license_name=card.get("license_name"),
        license_link=card.get("license_link"),
        base_model=card.get("base_model"),
        verdict=known.license_verdict if known else None,
        known_files=_weights(known) if known else (),
    )


def remote(request: Request, observe: Observer) -> Origin:
    """A model of the registry or a repository of the Hub: judged, then fetched or opened for streaming."""
    from modelpick.acquisition.plan import make_plan
    from modelpick.acquisition.settings import hub_settings, patience
    from modelpick.cli.download_license import Judge
    from modelpick.cli.download_run import Request as Download
    from modelpick.cli.download_run import subject
    from modelpick.registry.reader import Registry

    hub = hub_settings()
    download = Download(
        model=request.source,
        quantisation=None,
        weights="safetensors",
        revision=request.revision,
        folder=None,
        runtime=None,
        create=False,
        accept_license=request.accept_license,
        allow_pickle=False,
        dry_run=request.dry_run,
        registry=request.registry,
        policy=request.policy,
        policy_chosen=request.policy_chosen,
        asker=request.asker,
        machine=request.machine,
    )
    with Registry.open(request.registry) as registry:
        facts, wish = subject(registry, download)
        judge = Judge(
            registry, request.policy, request.asker, chosen=request.policy_chosen, accepted=request.accept_license
        )
        known = judge.known(facts) if facts else None
        plan = make_plan(wish, hub, os.environ, patience=patience())
        assert plan.card is not None
        licensed = judge.live(plan.card, known)
    if request.stream or request.dry_run:
        from modelpick.cli.quantise_stream import opened

        folder, source = opened(plan, hub)
        return _origin(plan, licensed, folder, source)
    from modelpick.cli.download_run import _fetch

    artifact = _fetch(plan, licensed, hub, observe)
    return _origin(plan, licensed, Path(artifact.path), None, artifact)


def _origin(
    plan: Plan, licensed: Licensed, path: Path, hub: HubSource | None, artifact: Artifact | None = None
) -> Origin:
    card = plan.card
    assert card is not None
    declared = card.license if isinstance(card.license, str) else next(iter(card.license or ()), None)
    listed = tuple(
        ArtifactFile(file.path, file.bytes, file.sha256)
        for file in plan.files
        if file.sha256 and file.path.endswith(".safetensors")
    )
    return Origin(
        path,
        plan.model.rpartition("/")[2],
        repo=plan.repo,
        commit=plan.commit,
        license=declared,
        license_name=card.license_name,
        license_link=card.license_link,
        base_model=card.base_models[0][0] if card.base_models else plan.repo,
        verdict=licensed.verdict.commercial_use,
        known_files=_weights(artifact) if artifact else listed,
        hub=hub,
        notes=(*plan.notes, *licensed.notes),
    )


def _weights(artifact: Artifact) -> tuple[ArtifactFile, ...]:
    return tuple(file for file in artifact.files if file.path.endswith((".safetensors", ".gguf")))


def _manifest(path: Path) -> Artifact | None:
    """What an earlier download or quantisation noted about this folder or file."""
    from modelpick.acquisition import manifest

    folder = path if path.is_dir() else path.parent
    for noted in manifest.all_of(folder):
        artifact = manifest.read(noted)
        if path.is_dir() or any(file.path == path.name for file in artifact.files):
            return artifact
    return None


def _card(path: Path) -> dict[str, str]:
    """Licence and base model from a folder's README, as its front matter states them."""
    readme = path / "README.md"
    if not path.is_dir() or not readme.is_file() or readme.stat().st_size > _MOST_CARD_BYTES:
        return {}
    text = readme.read_text(encoding="utf-8", errors="replace")
    if not text.startswith("---"):
        return {}
    front = text.split("\n---", 1)[0]
    found: dict[str, Any] = {key: value.strip("'\"") for key, value in _CARD_FIELD.findall(front) if value}
    if item := _CARD_ITEM.search(front):
        found["base_model"] = item[1].strip("'\"")
    return found


def sha256_of(path: Path) -> str:
    """The file's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
