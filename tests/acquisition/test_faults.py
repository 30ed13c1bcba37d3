"""What can go wrong between the Hub and the disk, one test each, over real HTTP."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acquisition.conftest import QUICK, Events, Planner
from tests.acquisition.weights import gguf
from tests.hubserver import Hub, Repo

from modelpick.acquisition.hub import describe
from modelpick.acquisition.interface import Artifact, HubSettings, Patience
from modelpick.errors import AccessError, IntegrityError, NetworkError, NotFoundError

Download = Callable[..., Artifact]
MIB = 1 << 20


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(Repo("org/model-GGUF", {"m-Q4_K_M.gguf": gguf(4 * MIB), "m-Q8_0.gguf": gguf(MIB, seed=2)}))


def named_files(settings: HubSettings) -> list[Path]:
    """Files that stand under a final name, in blobs or in a snapshot."""
    return [
        path
        for path in settings.cache.rglob("*")
        if path.is_file() and ("snapshots" in path.parts or ("blobs" in path.parts and len(path.name) in (40, 64)))
    ]


def assert_whole(artifact: Artifact, hub: Hub, repo: Repo) -> None:
    for file in artifact.files:
        data = (Path(artifact.path) / file.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256 == hub.facts(repo.files[file.path])[1]


def test_nothing_goes_wrong(hub: Hub, repo: Repo, plan: Planner, download: Download, settings: HubSettings) -> None:
    events = Events()
    artifact = download(plan(), events)
    assert_whole(artifact, hub, repo)
    assert events.kinds()[0] == "start" and events.kinds()[-1] == "done"
    assert events[-1].bytes_done == events[-1].bytes_total == artifact.files[0].bytes
    assert hub.sent("m-Q4_K_M.gguf") == artifact.files[0].bytes


def test_the_library_finds_what_was_fetched(
    hub: Hub, repo: Repo, plan: Planner, download: Download, settings: HubSettings
) -> None:
    from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache

    artifact = download(plan())
    found = try_to_load_from_cache("org/model-GGUF", "m-Q4_K_M.gguf", cache_dir=settings.cache)
    assert found == str(Path(artifact.path) / "m-Q4_K_M.gguf")
    local = hf_hub_download("org/model-GGUF", "m-Q4_K_M.gguf", cache_dir=settings.cache, local_files_only=True)
    assert local == found
    report = scan_cache_dir(settings.cache)
    assert not report.warnings and [repo.repo_id for repo in report.repos] == ["org/model-GGUF"]


def test_401_for_what_does_not_exist_or_is_private(plan: Planner, hub: Hub) -> None:
    with pytest.raises(AccessError, match="does not exist, or is private"):
        plan("org/nothing")


def test_a_wrong_token(hub: Hub, repo: Repo, settings: HubSettings) -> None:
    headers = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.fault("info", status=401, headers=headers)
    with pytest.raises(AccessError, match="token"):
        describe("org/model-GGUF", "main", settings, QUICK)


def test_403_of_a_gate(hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    made = plan()
    repo.gated = "manual"
    with pytest.raises(AccessError, match="gated") as caught:
        download(made)
    assert caught.value.hint and f"{hub.endpoint}/org/model-GGUF" in caught.value.hint
    assert hub.sent() == 0


def test_404_of_a_repository(hub: Hub, settings: HubSettings) -> None:
    with pytest.raises(NotFoundError, match="404"):
        describe("org/nothing", "main", HubSettings(hub.endpoint, settings.cache, token="hf_x"), QUICK)


def test_404_of_a_file_that_went_away(hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    made = plan()
    del repo.files["m-Q4_K_M.gguf"]
    with pytest.raises(NotFoundError, match="no such file"):
        download(made)


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: Hub, repo: Repo, settings: HubSettings, environment: dict[str, str]
) -> None:
    from tests.acquisition.conftest import wish

    from modelpick.acquisition.fetch import fetch
    from modelpick.acquisition.plan import make_plan

    repo.gated, repo.allowed_tokens = "auto", ("hf_secret",)
    mine = HubSettings(hub.endpoint, settings.cache, token="hf_secret")
    made = make_plan(wish(), mine, environment, patience=QUICK)
    assert made.accessible
    artifact = fetch(made, mine, observe=Events(), inspect=lambda path, file: None, patience=QUICK)
    assert_whole(artifact, hub, repo)
    assert all("hf_secret" in headers["authorization"] for _, _, headers in hub.requests("/resolve/"))
    assert hub.requests("/cdn/")
    assert not any("authorization" in headers for _, _, headers in hub.requests("/cdn/"))


@pytest.mark.parametrize("stage", ["info", "tree", "resolve", "cdn"])
def test_429_with_retry_after_is_waited_out(
    stage: str, hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    hub.fault(stage, status=429, headers={"Retry-After": "1"})
    begun = time.monotonic()
    assert_whole(download(plan()), hub, repo)
    assert time.monotonic() - begun >= 1.0


@pytest.mark.parametrize("stage", ["info", "resolve"])
def test_429_that_asks_for_an_hour_is_told(stage: str, hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    hub.fault(stage, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(NetworkError, match="3,600 s"):
        download(plan())


@pytest.mark.parametrize("stage", ["info", "tree", "resolve", "cdn"])
def test_503_that_recovers(stage: str, hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    hub.fault(stage, status=503, times=2)
    assert_whole(download(plan()), hub, repo)


@pytest.mark.parametrize("stage", ["info", "tree", "resolve", "cdn"])
def test_503_that_stays(stage: str, hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    hub.fault(stage, status=503, times=100)
    with pytest.raises(NetworkError, match="503"):
        download(plan())


def test_a_host_that_accepts_and_stays_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = HubSettings(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        begun = time.monotonic()
        with pytest.raises(NetworkError, match="answer"):
            describe("org/model", "main", settings)
        assert time.monotonic() - begun < 6.0, "the promise is six seconds"


def test_a_host_that_refuses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(NetworkError, match="cannot be reached"):
        describe("org/model", "main", HubSettings(f"http://127.0.0.1:{port}", tmp_path))
    assert time.monotonic() - begun < 6.0, "the promise is six seconds"


def test_a_host_that_is_no_hub(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Login(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "14")
            self.end_headers()
            self.wfile.write(b"<html>sign in!")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Login) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(NetworkError, match="does not answer as a Hub"):
            describe("org/model", "main", HubSettings(f"http://127.0.0.1:{server.server_port}", tmp_path), QUICK)
        server.shutdown()


def test_offline_mode_asks_nobody(hub: Hub, repo: Repo, settings: HubSettings) -> None:
    with pytest.raises(NetworkError, match="offline"):
        describe("org/model-GGUF", "main", HubSettings(hub.endpoint, settings.cache, offline=True))
    assert not hub.log


def test_a_stall_in_the_middle_is_gone_on_from(hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    hub.fault("cdn", after=2 * MIB, stall=1.5)
    events = Events()
    artifact = download(plan(), events)
    assert_whole(artifact, hub, repo)
    assert any(event.kind == "retry" and "nothing came" in (event.message or "") for event in events)
    assert hub.sent("m-Q4_K_M.gguf") == artifact.files[0].bytes, "no byte came twice"


def test_a_truncated_body_is_gone_on_from(hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    hub.fault("cdn", after=MIB, truncate=True, times=3)
    artifact = download(plan())
    assert_whole(artifact, hub, repo)
    assert hub.sent("m-Q4_K_M.gguf") == artifact.files[0].bytes, "no byte came twice"
    ranges = [headers.get("range", "").split("-")[0] for _, _, headers in hub.requests("/cdn/")]
    assert ranges == ["", f"bytes={MIB}", f"bytes={2 * MIB}", f"bytes={3 * MIB}"]


def test_a_connection_that_always_breaks_is_given_up_and_resumed_by_the_next_run(
    hub: Hub, repo: Repo, plan: Planner, download: Download, settings: HubSettings
) -> None:
    hub.fault("cdn", after=MIB, truncate=True)
    fault = hub.fault("cdn", after=0, truncate=True, times=100)
    with pytest.raises(NetworkError, match=r"1\.0 MiB of 4\.0 MiB") as caught:
        download(plan())
    assert caught.value.hint and "goes on" in caught.value.hint
    assert not named_files(settings)
    fault.times = 0
    again = plan()
    assert again.files[0].partial_bytes == MIB
    artifact = download(again)
    assert_whole(artifact, hub, repo)
    assert hub.sent("m-Q4_K_M.gguf") == artifact.files[0].bytes, "no byte came twice"


def test_a_wrong_hash_leaves_nothing(
    hub: Hub, repo: Repo, plan: Planner, download: Download, settings: HubSettings
) -> None:
    hub.fault("cdn", corrupt=3 * MIB, times=100)
    with pytest.raises(IntegrityError, match="hash"):
        download(plan())
    assert not named_files(settings)


def test_a_listed_hash_that_the_server_contradicts_stops_before_the_body(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    made = plan()
    repo.sha256["m-Q4_K_M.gguf"] = "0" * 64
    with pytest.raises(IntegrityError, match="serves 000"):
        download(made)
    assert made.missing_bytes == plan().missing_bytes, "nothing of it was kept"


def test_a_partial_that_was_spoilt_is_fetched_once_more(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    from modelpick.acquisition.store import place

    made = plan()
    partial = place(made, made.files[0]).partial
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"\0" * 3 * MIB)
    assert_whole(download(made), hub, repo)


@pytest.mark.parametrize("claim", [MIB, 9 * MIB])
def test_a_wrong_size(
    claim: int, hub: Hub, repo: Repo, plan: Planner, download: Download, settings: HubSettings
) -> None:
    hub.fault("cdn", claim_size=claim, times=100)
    with pytest.raises(IntegrityError, match=f"{claim:,}"):
        download(plan())
    assert not named_files(settings)


def test_a_server_without_ranges_is_read_from_the_beginning(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    hub.fault("cdn", after=MIB, truncate=True)
    hub.fault("cdn", ignore_range=True, times=100)
    assert_whole(download(plan()), hub, repo)


def test_a_server_without_ranges_that_always_breaks_is_given_up(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    hub.fault("cdn", after=MIB, truncate=True, ignore_range=True, times=1000)
    with pytest.raises(NetworkError, match="no ranges"):
        download(plan())


def test_a_signed_address_that_expired_is_asked_for_again(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    hub.fault("cdn", status=403)
    assert_whole(download(plan()), hub, repo)


def test_a_revision_that_moves_during_the_download(hub: Hub, plan: Planner, download: Download) -> None:
    files: dict[str, Any] = {f"m-Q4_K_M-{n:05}-of-00002.gguf": gguf(MIB, seed=n) for n in (1, 2)}
    first = hub.add(Repo("org/model-GGUF", files, commit="1" * 40))
    moved = Repo("org/model-GGUF", {path: gguf(MIB, seed=10) for path in files}, commit="2" * 40)
    made = plan()
    hub.add(moved)
    artifact = download(made)
    assert artifact.commit == "1" * 40
    assert_whole(artifact, hub, first)


def test_a_repository_that_is_renamed_during_the_download(
    hub: Hub, repo: Repo, plan: Planner, download: Download
) -> None:
    made = plan()
    hub.add(Repo("new/model-GGUF", repo.files, commit=repo.commit))
    hub.renamed["org/model-GGUF"] = "new/model-GGUF"
    assert_whole(download(made), hub, repo)


def test_a_damaged_file_in_the_cache_is_fetched_again(hub: Hub, repo: Repo, plan: Planner, download: Download) -> None:
    artifact = download(plan())
    path = (Path(artifact.path) / artifact.files[0].path).resolve()
    data = bytearray(path.read_bytes())
    data[MIB] ^= 1
    path.write_bytes(data)
    events = Events()
    assert_whole(download(plan(), events), hub, repo)
    assert any("damaged" in (event.message or "") for event in events)


def test_one_failing_file_ends_the_others(hub: Hub, plan: Planner, download: Download) -> None:
    files: dict[str, Any] = {f"m-Q4_K_M-{n:05}-of-00004.gguf": gguf(2 * MIB, seed=n) for n in (1, 2, 3, 4)}
    hub.add(Repo("org/model-GGUF", files))
    hub.fault("resolve", status=403, headers={"X-Error-Code": "GatedRepo"})
    with pytest.raises(AccessError):
        download(plan())
    assert not hub.requests("/cdn/"), "no other file was begun"


def test_files_come_at_once_over_a_distance_and_stop_together(
    hub: Hub, plan: Planner, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelpick.acquisition.lanes._NEAR_MICROSECONDS", 0)  # The loopback counts as far.
    files: dict[str, Any] = {f"m-Q4_K_M-{n:05}-of-00004.gguf": gguf(2 * MIB, seed=n) for n in (1, 2, 3, 4)}
    hub.add(Repo("org/model-GGUF", files))
    hub.rate = 4 * MIB
    hub.fault("cdn", path="00001-of", after=MIB, truncate=True)
    hub.fault("cdn", path="00001-of", status=404, times=100)
    with pytest.raises(NotFoundError):
        download(plan())
    begun = {path.rpartition("/")[2] for _, path, _ in hub.requests("/cdn/")}
    assert len(begun) == 4, "all were under way"
    assert hub.sent() < 8 * MIB, "the others stopped at their next bytes"


def test_the_proxy_of_the_environment_is_used(
    hub: Hub, repo: Repo, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils import close_session

    monkeypatch.setenv("HTTP_PROXY", hub.endpoint)
    monkeypatch.setenv("NO_PROXY", "")
    close_session()
    try:
        found = describe("org/model-GGUF", "main", HubSettings("http://hub.invalid", settings.cache), QUICK)
    finally:
        close_session()
    assert found.commit == repo.commit
    assert hub.log[0][1].startswith("http://hub.invalid/")


def test_patience_comes_from_the_librarys_variable() -> None:
    from modelpick.acquisition.settings import patience

    assert patience({"HF_HUB_DOWNLOAD_TIMEOUT": "3"}).read_seconds == 3
    assert patience({"HF_HUB_DOWNLOAD_TIMEOUT": "soon"}) == patience({}) == Patience()
