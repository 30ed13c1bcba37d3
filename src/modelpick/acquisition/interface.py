"""How a model is fetched, as values: the plan, its files, and the artifact that was verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from modelpick.licensing.interface import Card
from modelpick.values import dataclass, field

Target = Literal["llama.cpp", "ollama", "lmstudio", "transformers", "vllm"]
"""What a model can be handed over to."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository at a commit. ``sha256`` is the Hub's LFS hash, None for small git files."""

    path: str
    bytes: int
    sha256: str | None
    blob_id: str | None = None
    present: bool = False
    """Already on this disk with the same hash."""
    reuse_from: str | None = None
    """A file elsewhere on this disk that should hold the same bytes; it is hashed before it is believed."""
    partial_bytes: int = 0
    """What an interrupted download left, and the next one goes on from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be fetched, from where, and whether it may and can be."""

    model: str
    repo: str
    revision: str
    commit: str
    format: str
    quantisation: str | None
    files: tuple[RemoteFile, ...]
    target: str
    disk_free_bytes: int | None
    notes: tuple[str, ...] = field(default=())
    layout: Literal["cache", "folder"] = "cache"
    """``cache``: the Hub's own cache under ``target``; ``folder``: plain files in ``target``."""
    gated: str | None = None
    """How the publisher gates it (``auto``, ``manual``), None when it is open."""
    card: Card | None = None
    """The live card, for judging the licence again."""
    renamed_from: str | None = None
    architecture: str | None = None
    """What the Hub says the files hold, to match their headers with."""
    params_total: int | None = None
    alternatives: tuple[str, ...] = ()
    """Other quantisations in the same repository."""
    accessible: bool = True
    """False when the publisher's gate is closed to the token that there is."""
    expected_architecture: str | None = None
    """GGUF's name of the architecture that the registry knows the model by."""

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def missing_bytes(self) -> int:
        """Bytes that are still to be fetched."""
        return sum(
            file.bytes - file.partial_bytes for file in self.files if not file.present and file.reuse_from is None
        )


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One verified file on disk, relative to the artifact's folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files on disk that were verified, and where they came from."""

    path: str
    model: str
    repo: str | None
    commit: str | None
    format: str
    quantisation: str | None
    files: tuple[ArtifactFile, ...]
    license_verdict: str | None
    created: str
    """ISO-8601 UTC."""
    made_by: str | None = None
    """The program, engine and version that made the files from others."""
    made_from: tuple[ArtifactFile, ...] = ()
    """The files they were made from, with their hashes."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which Hub is asked and where its cache is, as the environment says."""

    endpoint: str
    cache: Path
    token: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a transfer waits and how often it tries again before it gives up (what it has stays on disk)."""

    attempts: int = 5
    """Tries in a row that bring nothing new."""
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 8.0
    read_seconds: float = 10.0
    """Silence after which a connection counts as stalled."""
    longest_retry_after_seconds: float = 300.0
    """A Hub that asks for a longer pause gets an error instead."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit: its files, its card, and what its publisher says it holds."""

    repo: str
    asked: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]
    card: Card
    gated: str | None = None
    architecture: str | None = None
    params_total: int | None = None
    unsafe: tuple[str, ...] = ()
    """Names that were left out because they could leave the folder, made harmless for showing."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository that may hold the model. ``files`` are the exact paths where they are known."""

    repo: str
    format: str
    official: bool
    quantisation: str | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked to fetch, with the places to look in, best first."""

    model: str
    sources: tuple[Source, ...]
    quantisation: str | None = None
    format: str | None = None
    revision: str = "main"
    allow_pickle: bool = False
    folder: Path | None = None
    """Where the files go; None is the Hub's cache."""
    params_total: int | None = None
    """The registry's count, to match the headers with."""
    architecture: str | None = None
    """GGUF's name of the registry's architecture."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The files of a listing that make up one variant."""

    format: str
    quantisation: str | None
    files: tuple[RemoteFile, ...]
    notes: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What a weight file says of itself. ``file_type`` is GGUF's number of the mix, ``main_type`` the type that takes
    most of the bytes; ``parameters`` is None where packing hides them."""

    architecture: str | None
    file_type: int | None
    main_type: str | None
    parameters: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something an observer may want to show: ``start``, ``progress``, ``checking``, ``reuse``, ``waiting``,
    ``retry``, ``verified``, ``done``. Totals are over all files of the plan."""

    kind: str
    path: str | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    message: str | None = None


Observer = Callable[[Event], None]
"""Called from any thread, one call at a time; an observer, never a printer."""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file of an artifact, checked again: ``ok``, ``damaged`` or ``missing``, and why."""

    path: str
    status: Literal["ok", "damaged", "missing"]
    bytes: int | None
    expected_bytes: int | None
    sha256: str | None
    expected_sha256: str | None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What ``verify`` found of one artifact."""

    artifact: Artifact
    files: tuple[FileCheck, ...]
    manifest: str | None
    """Where the manifest is; None when the files themselves were all there was to go by."""

    @property
    def ok(self) -> bool:
        """Whether every file is whole."""
        return all(file.status == "ok" for file in self.files)


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is on this disk already, and whose folder it is in."""

    name: str
    store: Literal["hub-cache", "ollama", "lmstudio", "llama.cpp"]
    path: str
    """The file to load (the first part of a split one), or the folder of a safetensors model."""
    format: str
    quantisation: str | None
    bytes: int
    files: tuple[str, ...]
    repo: str | None = None
    commit: str | None = None
    sha256: tuple[str | None, ...] = ()
    """Hash of each file where the store's naming tells it."""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Handover:
    """How the files get to the program that runs them: files to write, links to make, commands to run."""

    target: Target
    commands: tuple[tuple[str, ...], ...] = ()
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
