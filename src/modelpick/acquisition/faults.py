"""What went wrong between here and the Hub, in the program's own words: one table from the library's errors."""

from __future__ import annotations

from modelpick.errors import AccessError, IntegrityError, ModelpickError, NetworkError, NotFoundError, UsageError


def translated(error: Exception, repo: str, endpoint: str) -> ModelpickError:
    """The failure a user can act on for an exception of huggingface_hub or its HTTP client.

    Order matters: a gated repository's error is a subclass of a missing one's.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    page = f"{endpoint}/{repo}"
    match error:
        case ModelpickError():
            return error
        case errors.GatedRepoError():
            return gated(repo, endpoint)
        case errors.DisabledRepoError():
            return AccessError(f"{repo} was disabled by the Hub", hint=f"see {page}")
        case errors.RevisionNotFoundError():
            return NotFoundError(f"{repo} has no such revision", hint=f"its branches and commits: {page}/commits/main")
        case errors.RemoteEntryNotFoundError():
            return NotFoundError(f"{repo} has no such file", hint=f"its files: {page}/tree/main")
        case errors.HFValidationError():
            return UsageError(f"{repo!r} is not the name of a repository", hint="write it as organisation/name")
        case errors.OfflineModeIsEnabled():
            return offline(repo)
        case errors.HfHubHTTPError():
            return _status(error.response.status_code, error.response.headers, repo, endpoint)
        case httpx.HTTPStatusError():
            return _status(error.response.status_code, error.response.headers, repo, endpoint)
        case httpx.TimeoutException():
            return unreachable(endpoint, "did not answer in time")
        case httpx.TransportError():
            return unreachable(endpoint, f"cannot be reached ({error or type(error).__name__})")
        case httpx.TooManyRedirects() | httpx.DecodingError() | ValueError():
            return NetworkError(
                f"{endpoint} does not answer as a Hub does ({type(error).__name__}: {error})",
                hint="check HF_ENDPOINT and any proxy between here and the Hub",
            )
        case _:
            return NetworkError(f"{endpoint}: {type(error).__name__}: {error}", hint="try again later")


def gated(repo: str, endpoint: str) -> AccessError:
    """The publisher wants the user to agree first."""
    return AccessError(
        f"{repo} is gated: its publisher gives the files only to accounts that agreed to the terms",
        hint=f"agree at {endpoint}/{repo}, then `hf auth login` or set HF_TOKEN and run this again",
        details={"repo": repo, "url": f"{endpoint}/{repo}"},
    )


def offline(repo: str) -> NetworkError:
    """Offline mode forbids to ask."""
    return NetworkError(
        f"offline mode is on (HF_HUB_OFFLINE), and {repo} is not on this disk as asked",
        hint="unset HF_HUB_OFFLINE, or see `modelpick installed`",
    )


def unreachable(endpoint: str, what: str) -> NetworkError:
    """Nobody answers there."""
    return NetworkError(
        f"the Hub at {endpoint} {what}",
        hint="check the network, HF_ENDPOINT and the proxy settings; `modelpick installed` lists what is here",
    )


def _status(status: int, headers: object, repo: str, endpoint: str) -> ModelpickError:
    get = getattr(headers, "get", lambda _name: None)
    page = f"{endpoint}/{repo}"
    match status:
        case 401 if "invalid" in str(get("X-Error-Message") or "").lower() and get("X-Error-Code") != "RepoNotFound":
            return AccessError("the Hub does not know the token (401)", hint="`hf auth login`, or correct HF_TOKEN")
        case 401:
            return AccessError(
                f"{repo}: the Hub answers 401: it does not exist, or is private and wants a token",
                hint=f"check the name at {page}; for a private one `hf auth login` or set HF_TOKEN",
            )
        case 403:
            return AccessError(f"{repo}: the token may not read it (403)", hint=f"see {page}; check HF_TOKEN's rights")
        case 404:
            return NotFoundError(f"{repo}: no such repository (404)", hint="`modelpick search` finds models by name")
        case 429:
            wait = get("Retry-After")
            return NetworkError(
                f"the Hub wants fewer requests (429{f', again in {wait} s' if wait else ''})",
                hint="wait and run this again (it goes on where it stopped); a token raises the limit: set HF_TOKEN",
            )
        case 416:
            return IntegrityError(f"{repo}: a file is shorter than the Hub lists it (416)", hint="run this again later")
        case _:
            return NetworkError(f"the Hub at {endpoint} answers {status}", hint="try again later")
