"""DNS rebinding: a page whose name has come to lead to this machine calls the server as its own.

For the browser it is one origin, so neither origin nor XSRF rules help; only the name does, which
every browser sends as ``Host``.
"""

import httpx
import pytest
from playwright.sync_api import Browser, Route

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.attacker import FORGED, attack
from tests.attacks.bare import EITHER
from tests.attacks.conftest import KEY, REBOUND, Serve, caller
from tests.jupyter_process import JupyterProcess

SECRET = "what a crew asked"
REFUSED = (400, 401, 403)
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "c29tZSByYW5kb20gbm9uY2U=",
    "Sec-WebSocket-Version": "13",
}
QUESTION = {"type": "human_input_required", "request_id": "q", "prompt": SECRET}


def lay_bare(monkeypatch: pytest.MonkeyPatch, server: HumanInputServer) -> None:
    """Take away that a server without a key answers to names of this machine only."""
    settings = server._http.request_callback.settings  # type: ignore[union-attr]
    monkeypatch.setitem(settings, "allow_remote_access", True)


@EITHER
@pytest.mark.browser
@pytest.mark.parametrize("key", [None, KEY], ids=["without a key", "with a key"])
def test_a_page_whose_name_was_rebound_reads_and_sends_nothing(
    browser: Browser,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    bare: bool,
) -> None:
    server = serve(api_key=key)
    if bare:
        lay_bare(monkeypatch, server)
    address = f"http://{REBOUND}:{server.port}/"
    context = browser.new_context()
    page = context.new_page()
    page.route(f"{address}of-the-attacker", empty)  # as it was before its name led here
    page.goto(f"{address}of-the-attacker")
    with caller(server.url, key) as owner:
        owner.post("events", json=QUESTION)
        seen = attack(page, address)
        events = owner.get("poll/human-input", params={"type": "forged"}).json()["events"]
    context.close()
    succeeded = bare and key is None  # with a key the name needs one too: it has no cookie
    assert {event["event_id"] for event in events} == (set(FORGED) if succeeded else set())
    assert (SECRET in seen) is succeeded


def empty(route: Route) -> None:
    route.fulfill(body="<!doctype html><body>", content_type="text/html")


@pytest.mark.parametrize(
    "host",
    [
        REBOUND,
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "8.8.8.8",
    ],
)
def test_only_names_of_this_machine_open_a_server_without_a_key(serve: Serve, host: str) -> None:
    server = serve()
    named = {"Host": f"{host}:{server.port}"}
    for path in ("requests", "poll/human-input", "", "health", "v1/crews/c/human-input-stream"):
        assert httpx.get(f"{server.url}{path}", headers=named).status_code in REFUSED
    for path in ("ws/human-input", "v1/crews/c/human-input-stream"):
        reply = httpx.get(f"{server.url}{path}", headers={**named, **HANDSHAKE})
        assert reply.status_code in REFUSED


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.0.0.2"])
def test_every_name_of_this_machine_does(serve: Serve, host: str) -> None:
    server = serve()
    reply = httpx.get(f"{server.url}requests", headers={"Host": f"{host}:{server.port}"})
    assert reply.status_code == 200


def test_a_jupyter_servers_rule_for_names_holds_for_our_endpoints(jupyter: JupyterProcess) -> None:
    named = {**jupyter.headers, "Host": REBOUND}
    for path in ("requests", "", "v1/crews/c/human-input-stream"):
        assert httpx.get(f"{jupyter.prefix}{path}", headers=named).status_code == 403
