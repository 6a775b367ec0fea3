"""Another site's page, in the browser of somebody who is logged in: it reads and sends nothing.

Cross-site posts and WebSockets, at both hosts, and the page in a frame (clickjacking).
"""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from crewai_hitl_nb.server.auth.api_keys import ApiKeyIdentity
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.attacker import FORGED, attack, site, visit
from tests.attacks.bare import EITHER, without
from tests.attacks.conftest import KEY, Serve, caller
from tests.jupyter_process import JupyterProcess, jupyter_process

pytestmark = pytest.mark.browser

SECRET = "what a crew asked"
QUESTION = {"type": "human_input_required", "request_id": "q", "prompt": SECRET}


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The attacker's address."""
    with site() as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def forged(http: httpx.Client) -> set[str]:
    events = http.get("poll/human-input", params={"type": "forged"}).json()["events"]
    return {event["event_id"] for event in events}


def tried(page: Page, elsewhere: str, victim: str, token: str = "") -> str:
    """Log in at the victim, then visit the attacker; return what the attacker reads."""
    page.goto(f"{victim}?token={token}" if token else victim)
    return attack(visit(page.context, elsewhere), victim)


def lay_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away that a cookie needs the right origin and a proof of it."""
    without(monkeypatch, ApiKeyIdentity, "should_check_origin", lambda self, handler: False)
    without(monkeypatch, ApiKeyIdentity, "is_token_authenticated", lambda self, handler: True)


@EITHER
@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "without a key"])
def test_a_page_of_another_origin_reads_and_sends_nothing_at_a_standalone_server(
    serve: Serve,
    page: Page,
    elsewhere: str,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    bare: bool,
) -> None:
    if bare:
        lay_bare(monkeypatch)
    server = serve(api_key=key)
    with caller(server.url, key) as owner:
        owner.post("events", json=QUESTION)
        seen = tried(page, elsewhere, server.url, key or "")
        assert forged(owner) == (set(FORGED) if bare else set())
    assert (SECRET in seen) is bare


@pytest.fixture
def bare_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server whose operator has taken these defences away."""
    options = ("--ServerApp.disable_check_xsrf=True", "--ServerApp.allow_origin=*")
    with jupyter_process(tmp_path_factory.mktemp("bare"), options=options) as server:
        yield server


@EITHER
def test_a_page_of_another_origin_reads_and_sends_nothing_at_a_jupyter_server(
    request: pytest.FixtureRequest, page: Page, elsewhere: str, bare: bool
) -> None:
    server = request.getfixturevalue("bare_jupyter" if bare else "jupyter")
    headers = {"Authorization": f"token {server.token}"}
    with httpx.Client(base_url=server.prefix, headers=headers) as owner:
        owner.post("events", json={**QUESTION, "request_id": "cross-site"})
        seen = tried(page, elsewhere, server.prefix, server.token)
        assert forged(owner) == (set(FORGED) if bare else set())
        owner.post("requests/cross-site/cancel", json={})
    assert (SECRET in seen) is bare


@pytest.mark.parametrize("origin", ["null", "http://localhost.evil.example", "file://"])
@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "without a key"])
def test_an_origin_that_only_looks_like_ours_sends_nothing(
    serve: Serve, key: str | None, origin: str
) -> None:
    server = serve(api_key=key)
    with httpx.Client(base_url=server.url) as browser, caller(server.url, key) as owner:
        browser.get("", params={"token": key or ""})
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
        reply = browser.post("events", json={"type": "forged"}, headers={"Origin": origin, **xsrf})
        assert reply.status_code in (403, 404)
        assert forged(owner) == set()


@EITHER
def test_no_other_site_shows_the_page_in_a_frame(
    serve: Serve, page: Page, elsewhere: str, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    server = serve(api_key=KEY)
    if bare:
        allow_frames(monkeypatch, server)
    page.goto(f"{server.url}?token={KEY}")
    page.goto(elsewhere)
    with page.expect_event("frameattached") as attached:
        page.evaluate("(url) => { document.body.innerHTML = `<iframe src='${url}'>`; }", server.url)
    attached.value.wait_for_load_state()
    assert (attached.value.url == server.url) is bare


def allow_frames(monkeypatch: pytest.MonkeyPatch, server: HumanInputServer) -> None:
    """Take away who may frame the pages of a running server."""
    settings = server._http.request_callback.settings  # type: ignore[union-attr]
    monkeypatch.setitem(settings, "headers", {"Content-Security-Policy": "frame-src 'self'"})


@pytest.mark.parametrize("path", ["", "requests", "openapi.json", "static/crewai_hitl_nb/inbox.js"])
def test_every_reply_says_who_may_frame_it_and_what_it_is(owner: httpx.Client, path: str) -> None:
    headers = owner.get(path).headers
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_service_worker_reaches_no_further_than_the_prefix(jupyter: JupyterProcess) -> None:
    worker = httpx.get(f"{jupyter.prefix}service-worker.js", headers=jupyter.headers)
    for dest, query in (("script", ""), ("empty", ""), ("serviceworker", "?other")):
        headers = {**jupyter.headers, "Sec-Fetch-Dest": dest}
        wrong = httpx.get(f"{jupyter.prefix}service-worker.js{query}", headers=headers)
        assert wrong.status_code == 400
    assert worker.status_code == 200
    assert "Service-Worker-Allowed" not in worker.headers
    manifest = httpx.get(f"{jupyter.prefix}manifest.webmanifest", headers=jupyter.headers).json()
    assert manifest["scope"] == "/crewai-hitl/"


def test_jupyters_own_rule_says_who_may_frame_its_inbox(jupyter: JupyterProcess) -> None:
    reply = httpx.get(jupyter.prefix, headers=jupyter.headers)
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("frame-ancestors 'self'")
    assert "default-src 'none'" in policy


PATHS = ("poll/human-input", "events/human-input", "v1/crews/c/human-input-stream")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_is_no_waiter_where_nobody_needs_a_key(
    serve: Serve, path: str, site: str
) -> None:
    server = serve()
    image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    frame = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    with httpx.Client(base_url=server.url) as http:
        for headers in (image, frame):
            for query in ("?source=kernel-1", "?source=kernel-1&token=anything", ""):
                assert http.get(path + query, headers=headers).status_code == 403
        own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        assert http.get("poll/human-input?source=kernel-1", headers=own).status_code == 200
