"""A Hub on the loopback: real HTTP that speaks the Hub's protocol, so that the real huggingface_hub talks to it.

Model info, tree listings in pages, ``resolve`` with a redirect to a "CDN" path for LFS files, ETag, X-Linked-Etag,
X-Repo-Commit, ranges, gated and missing repositories, and faults on demand. Content may be bytes, a file on disk
(sent with ``sendfile``) or made on the fly, so a test of many GiB needs no disk on this side.

    with Hub() as hub:
        hub.add(Repo("org/name", {"config.json": b"{}", "model.gguf": Generated(1 << 30, seed=7)}))
        ... HF_ENDPOINT=hub.endpoint ...
        hub.sent("model.gguf")      # body bytes that were served of it
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

BLOCK = 1 << 20
_BASE = hashlib.shake_256(b"loopback hub").digest(BLOCK) * 2
LFS_FROM = 10_000
"""Files at least this large are LFS files, as weights are on the Hub."""


@dataclass(frozen=True)
class Generated:
    """``size`` bytes made on the fly: ``prefix``, then blocks that differ by their number and ``seed``."""

    size: int
    seed: int = 0
    prefix: bytes = b""

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from ``start`` to ``stop``, in pieces of at most a block."""
        shift = self.seed * 8191 % BLOCK
        base = memoryview(_BASE)[shift : shift + BLOCK]
        while start < stop:
            if start < len(self.prefix):
                piece: bytes | memoryview = self.prefix[start : min(stop, len(self.prefix))]
            else:
                block, offset = divmod(start, BLOCK)
                end = min(BLOCK, offset + stop - start)
                stamp = hashlib.blake2b(f"{self.seed}:{block}".encode(), digest_size=64).digest()
                piece = stamp[offset:end] if offset < len(stamp) else base[offset:end]
            yield piece
            start += len(piece)

    def all(self) -> Iterator[bytes | memoryview]:
        return self.pieces(0, self.size)


Content = bytes | Path | Generated


@dataclass
class Fault:
    """What goes wrong, for requests whose path matches ``path``, at most ``times`` times.

    ``stage`` is ``info``, ``tree``, ``resolve`` or ``cdn``. ``after`` body bytes the fault strikes: ``stall`` seconds
    of silence, ``truncate`` closes the connection. ``corrupt`` turns one bit of the byte at that offset of the file.
    """

    stage: str
    path: str = ".*"
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after: int = 0
    stall: float = 0.0
    truncate: bool = False
    corrupt: int | None = None
    claim_size: int | None = None
    """What Content-Length / Content-Range say instead of the truth (the body keeps to the claim)."""
    ignore_range: bool = False


@dataclass
class Repo:
    """A model repository at one commit. ``api_name`` differs from ``name`` after a rename."""

    name: str
    files: dict[str, Content]
    card: dict[str, Any] = field(default_factory=dict)
    gated: str | bool = False
    private: bool = False
    allowed_tokens: tuple[str, ...] = ()
    """Tokens that may fetch a gated or private repository's files."""
    safetensors: dict[str, Any] | None = None
    gguf: dict[str, Any] | None = None
    commit: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    """Overrides what the listing says of a file's hash."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Overrides what the listing says of a file's size."""
    extra_tree: tuple[dict[str, Any], ...] = ()
    """Listing entries that stand for no file (hostile names, 100,000 of them ...)."""

    def __post_init__(self) -> None:
        if not self.commit:
            self.commit = hashlib.sha1("\0".join([self.name, *sorted(self.files)]).encode()).hexdigest()


class Hub:
    """The server. ``endpoint`` is what HF_ENDPOINT must be; leave with ``close`` or as a context manager."""

    def __init__(self, *, page: int = 1000, rate: int | None = None, port: int = 0) -> None:
        self.repos: dict[str, Repo] = {}
        self.history: dict[tuple[str, str], Repo] = {}
        self.renamed: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str, dict[str, str]]] = []
        """(method, path, headers by lower-case name) of every request."""
        self.page = page
        self.rate = rate
        """Body bytes per second of each CDN answer; None: as fast as it goes."""
        self._sent: Counter[str] = Counter()
        self._facts: dict[int, tuple[Content, int, str, str]] = {}
        self._trees: dict[str, tuple[Repo, list[dict[str, Any]]]] = {}
        self._lock = threading.Lock()
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.hub = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.cdn = f"http://localhost:{self.server.server_address[1]}"
        """Another host name, as the Hub's is: a token must not travel there."""
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def add(self, repo: Repo) -> Repo:
        """Publish ``repo`` (a second one of the same name moves ``main``; the old commit stays reachable)."""
        self.repos[repo.name] = repo
        self.history[repo.name, repo.commit] = repo
        return repo

    def fault(self, stage: str, **what: Any) -> Fault:
        """Arm a fault."""
        self.faults.append(made := Fault(stage, **what))
        return made

    def sent(self, path: str | None = None) -> int:
        """Body bytes that left this server for one file's content, or for all files'."""
        with self._lock:
            return self._sent[path] if path is not None else sum(self._sent.values())

    def requests(self, part: str) -> list[tuple[str, str, dict[str, str]]]:
        """Logged requests whose path holds ``part``."""
        return [entry for entry in self.log if part in entry[1]]

    def count(self, path: str, number: int) -> None:
        """Add to the bytes sent of a file."""
        with self._lock:
            self._sent[path] += number

    def take(self, stage: str, path: str) -> Fault | None:
        """The armed fault for this request, used up by one."""
        with self._lock:
            for fault in self.faults:
                if fault.stage == stage and fault.times > 0 and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def facts(self, content: Content) -> tuple[int, str, str]:
        """Size, sha256 and git blob id of a content; computed once."""
        with self._lock:
            known = self._facts.get(id(content))
            if known is None:
                size = content.size if isinstance(content, Generated) else size_of(content)
                sha, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
                for piece in pieces(content, 0, size):
                    sha.update(piece)
                    if size < LFS_FROM:
                        git.update(piece)
                known = self._facts[id(content)] = (content, size, sha.hexdigest(), git.hexdigest())
        return known[1:]

    def tree(self, repo: Repo) -> list[dict[str, Any]]:
        """The recursive listing, as the Hub's API gives it; made once per repository object."""
        if repo.name in self._trees and self._trees[repo.name][0] is repo:
            return self._trees[repo.name][1]
        entries: list[dict[str, Any]] = []
        for path, content in sorted(repo.files.items()):
            size, sha, git = self.facts(content)
            size = repo.sizes.get(path, size)
            entry: dict[str, Any] = {"type": "file", "oid": git, "size": size, "path": path}
            if size >= LFS_FROM:
                entry["lfs"] = {"oid": repo.sha256.get(path, sha), "size": size, "pointerSize": 134}
            entries.append(entry)
        self._trees[repo.name] = (repo, [*entries, *repo.extra_tree])
        return self._trees[repo.name][1]


def size_of(content: bytes | Path) -> int:
    """Bytes of a content that is not generated."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def pieces(content: Content, start: int, stop: int) -> Iterator[bytes | memoryview]:
    """Bytes ``start`` to ``stop`` of a content."""
    match content:
        case bytes():
            yield memoryview(content)[start:stop]
        case Generated():
            yield from content.pieces(start, stop)
        case _:
            with content.open("rb") as file:
                file.seek(start)
                while start < stop:
                    piece = file.read(min(BLOCK, stop - start))
                    yield piece
                    start += len(piece)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent: the tests read ``Hub.log``."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server.hub
        hub.log.append((self.command, self.path, {key.lower(): value for key, value in self.headers.items()}))
        url = urlsplit(self.path)
        path = unquote(url.path)
        if found := re.fullmatch(r"/api/models/((?:[^/]+/)?[^/]+)/tree/([^/]+)/?", path):
            self._tree(found[1], found[2], url.query)
        elif found := re.fullmatch(r"/api/models/((?:[^/]+/)?[^/]+)/auth-check", path):
            if repo := self._repo(found[1], None, files=True):
                self._json({"ok": repo.name})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?", path):
            self._info(found[1], found[2], url.query)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path, re.DOTALL):
            self._resolve(found[1], found[2], found[3])
        elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)", path, re.DOTALL):
            self._cdn(found[1], found[2], found[3])
        else:
            self._error(404, "EntryNotFound", "no such page")

    # -- parts of the protocol -----------------------------------------------------------------------------------

    def _repo(self, name: str, revision: str | None, *, files: bool = False) -> Repo | None:
        """The repository, or None when the answer (an error or a redirect) was already sent."""
        hub = self.server.hub
        if name in hub.renamed:
            self._answer(307, b"", {"Location": self.path.replace(name, hub.renamed[name], 1)})
            return None
        repo = hub.repos.get(name)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo is None or (repo.private and token not in repo.allowed_tokens):
            self._error(401 if not token else 404, "RepoNotFound", "Repository not found")
            return None
        if files and repo.gated and token not in repo.allowed_tokens:
            text = f"Access to model {name} is restricted."
            self._error(403 if token else 401, "GatedRepo", text)
            return None
        if revision in (None, "main", repo.commit):
            return repo
        if past := hub.history.get((name, revision or "")):
            return past
        self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def _info(self, name: str, revision: str | None, query: str) -> None:
        if self._struck("info"):
            return
        if not (repo := self._repo(name, revision)):
            return
        asked = parse_qs(query)
        siblings: list[dict[str, Any]] = []
        for entry in self.server.hub.tree(repo):
            one: dict[str, Any] = {"rfilename": entry["path"]}
            if "blobs" in asked:
                one |= {"size": entry["size"], "blobId": entry["oid"]}
                if lfs := entry.get("lfs"):
                    one["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
            siblings.append(one)
        body: dict[str, Any] = {
            "_id": "0" * 24,
            "id": repo.name,
            "modelId": repo.name,
            "sha": repo.commit,
            "private": repo.private,
            "gated": repo.gated,
            "disabled": False,
            "tags": repo.card.get("tags", []),
            "downloads": 0,
            "likes": 0,
            "cardData": repo.card,
            "siblings": siblings,
        }
        if repo.safetensors:
            body["safetensors"] = repo.safetensors
        if repo.gguf:
            body["gguf"] = repo.gguf
        if "expand" in asked:
            keep = {*asked["expand"], "_id", "id", "modelId"}
            body = {key: value for key, value in body.items() if key in keep}
        self._json(body)

    def _tree(self, name: str, revision: str, query: str) -> None:
        if self._struck("tree"):
            return
        if not (repo := self._repo(name, revision)):
            return
        asked, hub = parse_qs(query), self.server.hub
        start = int(asked.get("cursor", ["0"])[0])
        entries = hub.tree(repo)
        headers = {}
        if start + hub.page < len(entries):
            base = f"{hub.endpoint}{urlsplit(self.path).path}?recursive=true&cursor={start + hub.page}"
            headers["Link"] = f'<{base}>; rel="next"'
        self._json(entries[start : start + hub.page], headers)

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if self._struck("resolve"):
            return
        if not (repo := self._repo(name, revision, files=True)):
            return
        content = repo.files.get(path)
        if content is None:
            self._error(404, "EntryNotFound", "Entry not found")
            return
        size, sha, git = self.server.hub.facts(content)
        if size < LFS_FROM:
            self._content(path, content, size, {"X-Repo-Commit": repo.commit, "ETag": f'"{git}"'}, None)
            return
        headers = {
            "X-Repo-Commit": repo.commit,
            "X-Linked-Etag": f'"{repo.sha256.get(path, sha)}"',
            "X-Linked-Size": str(size),
            "ETag": f'"{git}"',
            "Location": f"{self.server.hub.cdn}/cdn/{repo.name}/{repo.commit}/{quote(path)}",
        }
        self._answer(302, b"Found. Redirecting.", headers)

    def _cdn(self, name: str, commit: str, path: str) -> None:
        hub = self.server.hub
        fault = hub.take("cdn", path)
        if fault and fault.status:
            self._answer(fault.status, b"fault", fault.headers)
            return
        content = hub.history[name, commit].files[path]
        size, sha, _ = hub.facts(content)
        self._content(path, content, size, {"ETag": f'"{sha}"'}, fault)

    # -- answers ------------------------------------------------------------------------------------------------

    def _struck(self, stage: str) -> bool:
        """Whether a fault of this stage answered (or ate) the request."""
        fault = self.server.hub.take(stage, unquote(self.path))
        if not fault:
            return False
        if fault.stall:
            time.sleep(fault.stall)
        if fault.status:
            self._answer(fault.status, b"fault", fault.headers)
        else:
            self.close_connection = True
        return True

    def _json(self, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self._answer(200, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self._answer(status, body, {"X-Error-Code": code, "X-Error-Message": message})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _content(self, path: str, content: Content, size: int, headers: Mapping[str, str], fault: Fault | None) -> None:
        fault = fault or Fault("none", times=0)
        claimed = fault.claim_size if fault.claim_size is not None else size
        start, stop, status = 0, claimed, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not fault.ignore_range:
            start, status = int(asked[1]), 206
            stop = min(claimed, int(asked[2]) + 1) if asked[2] else claimed
            if start >= claimed:
                self._answer(416, b"", {"Content-Range": f"bytes */{claimed}"})
                return
        self.send_response(status)
        for key, value in {"Accept-Ranges": "bytes", **headers, **fault.headers}.items():
            self.send_header(key, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{claimed}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if self.command != "HEAD":
            self._body(path, content, start, stop, fault)

    def _body(self, path: str, content: Content, start: int, stop: int, fault: Fault) -> None:
        hub, strikes = self.server.hub, bool(fault.stall or fault.truncate)
        if isinstance(content, Path) and not strikes and fault.corrupt is None and hub.rate is None:
            self.wfile.flush()
            with content.open("rb") as file:
                while start < stop:  # In steps, so that what a killed client took is counted.
                    sent = os.sendfile(self.connection.fileno(), file.fileno(), start, min(stop - start, 4 * BLOCK))
                    hub.count(path, sent)
                    start += sent
            return
        position, begun = start, time.monotonic()
        for piece in pieces(content, start, stop):
            if strikes and position + len(piece) - start > fault.after:
                piece = piece[: max(0, fault.after - (position - start))]
            if fault.corrupt is not None and position <= fault.corrupt < position + len(piece):
                spoiled = bytearray(piece)
                spoiled[fault.corrupt - position] ^= 1
                piece = bytes(spoiled)
            self._send(path, piece)
            position += len(piece)
            if strikes and position - start >= fault.after:
                time.sleep(fault.stall)
                self.close_connection = True
                return
            if hub.rate:
                time.sleep(max(0.0, begun + (position - start) / hub.rate - time.monotonic()))

    def _send(self, path: str, piece: bytes | memoryview) -> None:
        """In small steps, so that what is counted is what the connection took."""
        for offset in range(0, len(piece), 1 << 16):
            part = piece[offset : offset + (1 << 16)]
            self.connection.sendall(part)
            self.server.hub.count(path, len(part))
