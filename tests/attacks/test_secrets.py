"""Tokens and keys stay where they belong: in no log, address, page, reply, process or error."""

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Request, Route, expect
from tornado.web import RequestHandler

import crewai_hitl_nb as hitl
from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.page.inbox import InboxHandler
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.bare import EITHER, without
from tests.attacks.conftest import KEY, Serve, caller
from tests.jupyter_process import JupyterProcess

LINK = "https://elsewhere.invalid/"
QUESTION = {
    "type": "human_input_required",
    "request_id": "linked",
    "prompt": "Good?",
    "context": f"[a link]({LINK})",
}
ADDRESSES = (
    "",
    "requests",
    "requests/nobody",
    "requests?status=wrong&",
    "no-such-address",
    "events",
    "ws/human-input",
    "poll/human-input?limit=x&",
    "v1/crews/c/human-input-stream",
    "openapi.json",
    "static/crewai_hitl_nb/nothing.js",
)


async def fails(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("something unexpected")


def open_with_tokens(url: str, *tokens: str) -> Iterator[httpx.Response]:
    """Open every kind of address with a token in it, right or wrong."""
    for token in tokens:
        with httpx.Client(base_url=url, timeout=15) as http:
            for address in ADDRESSES:
                path, _, query = address.partition("?")
                yield http.get(f"{path}?{query}token={token}", headers={"Accept": "text/html"})
            yield http.post(f"requests/nobody/answer?token={token}", json={})


def written_by_the_server(records: list[logging.LogRecord]) -> str:
    """Return the log without the lines of this test's own client."""
    format_ = logging.Formatter().format
    return "\n".join(
        format_(record) for record in records if not record.name.startswith(("httpx", "httpcore"))
    )


@EITHER
def test_no_line_of_the_log_has_a_token(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    without(monkeypatch, Broker, "requests", fails)
    if bare:
        without(monkeypatch, CallerMixin, "log_exception", RequestHandler.log_exception)
    with caplog.at_level(logging.DEBUG):
        server = serve(api_key=KEY)
        replies = list(open_with_tokens(server.url, KEY, KEY + "-nearly"))
    assert {200, 302, 400, 401, 404, 405, 500} <= {reply.status_code for reply in replies}
    log = written_by_the_server(caplog.records)
    assert "RuntimeError" in log
    assert (KEY in log) is bare


def test_no_reply_says_a_token_again(server: HumanInputServer) -> None:
    for reply in open_with_tokens(server.url, KEY, KEY + "-nearly"):
        assert KEY not in reply.text
        assert KEY not in str(reply.headers)


def test_the_log_of_a_jupyter_server_has_no_kernel_key(jupyter: JupyterProcess) -> None:
    key = next(jupyter.root.parent.rglob("kernel_key")).read_text().strip()
    statuses = {reply.status_code for reply in open_with_tokens(jupyter.prefix, key, key + "x")}
    assert {200, 400, 404} <= statuses
    assert "no-such-address" in jupyter.log.read_text()  # it has written of these calls
    assert key not in jupyter.log.read_text()


@EITHER
def test_a_link_with_a_token_leaves_it_in_no_address_referrer_page_or_storage(
    browser: Browser,
    server: HumanInputServer,
    owner: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
) -> None:
    if bare:
        without(monkeypatch, InboxHandler, "_is_link_with_a_token", lambda self: False)
    owner.post("events", json=QUESTION)
    context = browser.new_context()
    page = context.new_page()
    referrers: list[str] = []
    page.on("request", lambda request: referrers.append(referrer(request)))
    page.goto(f"{server.url}?token={KEY}#request=linked")
    expect(page.get_by_test_id("hitl-accept")).to_be_enabled()
    told = [
        page.url,
        page.content(),
        page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])"),
        json.dumps(list(context.cookies())),
        *referrers,
    ]
    assert any(KEY in one for one in told) is bare
    context.close()


def test_the_cookie_that_stands_for_a_key_is_for_this_server_and_for_no_script(
    server: HumanInputServer,
) -> None:
    headers = httpx.get(server.url, params={"token": KEY}).headers.get_list("set-cookie")
    (login,) = [header for header in headers if header.startswith("username-")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in login.split(";")}


def referrer(request: Request) -> str:
    return request.headers.get("referer", "")


def test_a_link_of_a_crew_tells_its_server_not_where_it_was_followed(
    browser: Browser, server: HumanInputServer, owner: httpx.Client
) -> None:
    owner.post("events", json=QUESTION)
    context = browser.new_context()
    told: list[dict[str, str]] = []

    def receive(route: Route) -> None:
        told.append(route.request.headers)
        route.fulfill(body="<script>document.title = String(opener)</script>")

    context.route(f"{LINK}**", receive)
    page = context.new_page()
    page.goto(f"{server.url}?token={KEY}#request=linked")
    with context.expect_page() as opened:
        page.get_by_role("link", name="a link").click()
    opened.value.wait_for_load_state()
    assert "referer" not in told[0]
    assert opened.value.title() == "null"  # it has no way back to the page
    context.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.txt"
    file.write_text(KEY)
    file.chmod(0o600)
    return file


def test_no_key_stands_in_the_list_of_processes(key_file: Path) -> None:
    command = [sys.executable, "-m", "crewai_hitl_nb.cli", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--api-key-file", str(key_file)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with caller(url, KEY) as http:
            assert http.get("requests").status_code == 200
        assert KEY not in " ".join(psutil.Process(process.pid).cmdline())
    finally:
        process.terminate()
        process.wait()


def test_what_holds_a_key_does_not_show_it(server: HumanInputServer) -> None:
    with hitl.Client(server.url, KEY) as client:
        shown = [repr(client), repr(Endpoint(server.url, KEY)), repr(server), str(vars(client))]
    assert not [one for one in shown if KEY in one]


@pytest.mark.parametrize("away", [False, True], ids=["refused", "unreachable"])
def test_no_error_of_a_client_has_its_token(server: HumanInputServer, away: bool) -> None:
    url = "http://127.0.0.1:9/" if away else server.url
    with hitl.Client(url, f"{KEY}-nearly") as client:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whichever it is
            client.request("nobody")
        said = "".join(traceback.format_exception(raised.value))
    assert KEY not in said


def test_a_kernel_is_not_given_the_users_token(jupyter: JupyterProcess) -> None:
    (handed_over,) = jupyter.root.parent.rglob("crewai-hitl-*.json")
    assert jupyter.token not in handed_over.read_text()
    assert handed_over.stat().st_mode & 0o077 == 0
    assert os.stat(next(jupyter.root.parent.rglob("kernel_key"))).st_mode & 0o077 == 0
