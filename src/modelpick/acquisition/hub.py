"""What the Hub says of a repository: its commit, its card, its files. Real huggingface_hub, asked with a time limit.

Downloads of an unreachable host would wait 23 s and then call it a missing file, so the small question comes first:
``model_info`` with a limit, without tries again. What the Hub answers busily (429, 503) is asked again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from modelpick import __version__
from modelpick.acquisition.answers import card_of, files_of, mapping, text
from modelpick.acquisition.faults import offline, translated, unreachable
from modelpick.acquisition.interface import HubSettings, Listing, Patience
from modelpick.acquisition.settings import keep_to_the_matter
from modelpick.errors import IntegrityError, ModelpickError, NetworkError

T = TypeVar("T")

ANSWER_SECONDS = 4.0
"""How long the Hub may take for its first answer: with the program's start the user waits less than six."""
_PAGE_SECONDS = 20.0
_MOST_PAGES = 2_000
_MOST_TEXT = 256 * 1024
_BUSY = (408, 429, 500, 502, 503, 504)
_FIELDS = ["sha", "gated", "private", "disabled", "cardData", "tags", "safetensors", "gguf", "config", "createdAt"]


def describe(repo: str, revision: str, hub: HubSettings, patience: Patience | None = None) -> Listing:
    """The repository at ``revision``, pinned to the commit that it is now.

    :raises NetworkError: within six seconds when nobody answers; at once in offline mode.
    :raises AccessError: when it is private or the token is wrong.
    :raises NotFoundError: when there is no such repository or revision.
    """
    if hub.offline:
        raise offline(repo)
    keep_to_the_matter()
    patience, api = patience or Patience(), _api(hub)
    try:
        info = insisting(lambda: _within(ANSWER_SECONDS, hub, lambda: _info(api, repo, revision)), patience)
        entries = _tree(info.id, info.sha, hub, patience)
    except ModelpickError:
        raise
    except Exception as error:
        raise translated(error, repo, hub.endpoint) from error
    files, refused = files_of(entries)
    gguf, tensors = mapping(info.gguf), getattr(info.safetensors, "total", None)
    return Listing(
        repo=info.id,
        asked=repo,
        revision=revision,
        commit=info.sha,
        files=files,
        card=card_of(info),
        gated=info.gated if isinstance(info.gated, str) else ("auto" if info.gated else None),
        architecture=text(gguf.get("architecture")),
        params_total=gguf.get("total") or tensors,
        unsafe=refused,
    )


def may_fetch(listing: Listing, hub: HubSettings) -> bool:
    """Whether a gated repository's files are open to the token that there is."""
    from huggingface_hub.errors import GatedRepoError
    from huggingface_hub.utils import httpx

    if listing.gated is None:
        return True
    api = _api(hub)
    try:
        _within(ANSWER_SECONDS, hub, lambda: api.auth_check(listing.repo))
    except GatedRepoError:
        return False
    except (ModelpickError, OSError, httpx.HTTPError):
        return True  # The download itself will tell.
    return True


def small_text(listing: Listing, path: str, hub: HubSettings, patience: Patience | None = None) -> str | None:
    """The text of a small file of the repository (a LICENSE), None when it is not there or too large."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import get_session, hf_raise_for_status, httpx

    sizes = {file.path: file.bytes for file in listing.files}
    if not 0 < sizes.get(path, 0) <= _MOST_TEXT:
        return None
    url = hf_hub_url(listing.repo, path, revision=listing.commit, endpoint=hub.endpoint)

    def ask() -> str:
        answer = get_session().get(
            at(url, hub), headers=request_headers(hub), timeout=ANSWER_SECONDS, follow_redirects=True
        )
        hf_raise_for_status(answer)
        return str(answer.text)

    try:
        return insisting(ask, patience or Patience(attempts=2))
    except (ModelpickError, OSError, httpx.HTTPError):
        return None


def request_headers(hub: HubSettings) -> dict[str, str]:
    """The headers the library itself would send, token included."""
    from huggingface_hub.utils import build_hf_headers

    made: dict[str, str] = build_hf_headers(token=hub.token, library_name="modelpick", library_version=__version__)
    return made


def at(url: str, hub: HubSettings) -> str:
    """A Hub URL moved to the endpoint in force: mirrors and older libraries answer with the original's address."""
    parts = urlsplit(url)
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    base = urlsplit(hub.endpoint).path
    return hub.endpoint + rest.removeprefix(base) if base else hub.endpoint + rest


def insisting(call: Callable[[], T], patience: Patience) -> T:
    """``call``'s answer; asked again while the Hub is busy, as long as it asks to wait, within ``patience``.

    :raises NetworkError: when the Hub wants a longer pause than ``patience`` allows.
    """
    from huggingface_hub.errors import HfHubHTTPError

    wait = patience.first_wait_seconds
    for left in reversed(range(patience.attempts)):
        try:
            return call()
        except HfHubHTTPError as error:
            if error.response.status_code not in _BUSY or not left:
                raise
            asked = pause(error.response, patience)
            time.sleep(wait if asked is None else asked)
            wait = min(2 * wait, patience.longest_wait_seconds)
    raise AssertionError("unreachable: the last attempt returns or raises")


def pause(response: Any, patience: Patience) -> float | None:
    """Seconds to wait before the next try as ``Retry-After`` says; None when it does not."""
    asked = str(response.headers.get("Retry-After") or "").strip()
    if not re.fullmatch(r"\d{1,9}", asked):
        return None
    if int(asked) > patience.longest_retry_after_seconds:
        raise NetworkError(
            f"the Hub is busy ({response.status_code}) and asks to wait {int(asked):,} s",
            hint="run this again then; it goes on where it stopped",
        )
    return float(asked)


def _within(seconds: float, hub: HubSettings, call: Callable[[], T]) -> T:
    """``call``'s answer within ``seconds`` in all: a name with four dead addresses would take four limits."""
    outcome: list[T | BaseException] = []

    def work() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            outcome.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds + 0.3)
    if not outcome:
        raise unreachable(hub.endpoint, f"did not answer within {seconds:.0f} s")
    answer = outcome[0]
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _api(hub: HubSettings) -> Any:
    """The library's client; importing it is not the Hub's time."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.endpoint, token=hub.token, library_name="modelpick", library_version=__version__)


def _info(api: Any, repo: str, revision: str) -> Any:
    pinned = None if revision == "main" else revision
    info = api.model_info(repo, revision=pinned, timeout=ANSWER_SECONDS, expand=list(_FIELDS))
    if not re.fullmatch(r"[0-9a-f]{40}", info.sha or ""):
        raise ValueError(f"{repo} came without a commit")
    return info


def _tree(repo: str, commit: str, hub: HubSettings, patience: Patience) -> list[dict[str, Any]]:
    """All entries of the listing, page by page; the next page is asked of the same Hub, whatever its link says."""
    from huggingface_hub.utils import get_session, hf_raise_for_status

    url = f"{hub.endpoint}/api/models/{repo}/tree/{commit}?recursive=true"
    headers, entries = request_headers(hub), []

    def page() -> Any:
        answer = get_session().get(url, headers=headers, timeout=_PAGE_SECONDS, follow_redirects=True)
        hf_raise_for_status(answer)
        return answer

    for _ in range(_MOST_PAGES):
        answer = insisting(page, patience)
        entries += answer.json()
        following = answer.links.get("next", {}).get("url")
        if not following:
            return entries
        url = at(following, hub)
    raise IntegrityError(f"{repo}: the listing does not end ({len(entries):,} files so far)")
