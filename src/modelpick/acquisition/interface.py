"""How a model is fetched, as values: the plan, its files, and the artifact that was verified."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository at a commit. ``sha256`` is the Hub's LFS hash, None for small git files."""

    path: str
    bytes: int
    sha256: str | None
    blob_id: str | None = None
    present: bool = False
    """Already on this disk with the same hash."""


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

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def missing_bytes(self) -> int:
        """Bytes that are still to be fetched."""
        return sum(file.bytes for file in self.files if not file.present)


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
