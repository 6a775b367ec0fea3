"""The inbox page's lists: what waits, what was answered, one request by its address."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.e2e.inbox import CARD_MS, Desk, OpenInbox
from tests.jupyter_process import JupyterProcess


def source(**fields: Any) -> dict[str, Any]:
    return {"crew_name": "Notes", "agent_role": "Writer", **fields}


def test_the_page_counts_what_waits_in_its_title_and_on_its_icon(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    expect(inbox.page).to_have_title("Waiting for you")
    expect(inbox.page.get_by_text("Nothing is waiting for you.")).to_be_visible()
    desk.ask("one")
    desk.ask("two")
    expect(inbox.hook("hitl-count")).to_have_text("2", timeout=CARD_MS)
    expect(inbox.page).to_have_title("(2) Waiting for you")
    icon = inbox.page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile("%3E2%3C"))
    desk.answer("one")
    expect(inbox.page).to_have_title("(1) Waiting for you")
    expect(inbox.hook("hitl-news")).to_have_text("1 request waiting.")


def test_search_and_filters_narrow_the_list_and_can_be_cleared(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("draft", crew_id="notes", source=source(), context="About the budget")
    desk.ask("mail", kind="tool_approval", crew_id="mail", source=source(crew_name="Mailer"))
    desk.ask("mine", kind="question", crew_id="mail", assignee="ada", execution_id="run-9")
    inbox = open_inbox()
    expect(inbox.hook("hitl-card")).to_have_count(3, timeout=CARD_MS)
    inbox.hook("hitl-search").fill("BUDGET writer")
    expect(inbox.hook("hitl-card")).to_have_count(1)
    assert inbox.cards() == ["draft"]
    inbox.hook("hitl-search").fill("no such words")
    inbox.hook("hitl-nothing-found").get_by_role("button").click()
    expect(inbox.hook("hitl-card")).to_have_count(3)
    inbox.hook("hitl-filters").click()
    inbox.hook("hitl-filter-kind").select_option(label="Tool approval")
    expect(inbox.hook("hitl-card")).to_have_count(1)
    assert inbox.cards() == ["mail"]
    inbox.hook("hitl-clear-filters").click()
    inbox.hook("hitl-filter-crew").select_option(label="Mailer")
    expect(inbox.hook("hitl-card")).to_have_count(2)


def test_the_history_tells_who_did_what_when_and_from_where(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("told", source=source(), execution_id="run-1", prompt="Good enough?")
    desk.claim("told")
    desk.answer("told", human_feedback="Shorter, please")
    desk.ask("stopped", prompt="Never mind?")
    desk.cancel("stopped", reason="interrupted", message="Ctrl+C")
    inbox = open_inbox("#history")
    expect(inbox.entry("stopped")).to_contain_text("Cancelled: the run was interrupted")
    inbox.entry("told").locator("summary").click()
    trail = inbox.entry("told").get_by_test_id("hitl-trail").locator("li")
    expect(trail).to_have_count(3)
    expect(trail.nth(0)).to_contain_text("Asked by Writer · crew Notes")
    expect(trail.nth(1)).to_contain_text("via the command line")
    expect(trail.nth(2)).to_contain_text("via the API")
    expect(inbox.entry("told").get_by_test_id("hitl-record")).to_contain_text("Shorter, please")


def test_the_history_comes_in_pages_and_takes_in_what_is_answered_meanwhile(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    names = [f"page-{number}" for number in range(60)]
    desk.ask_all([{"request_id": name, "kind": "llm_approval"} for name in names])
    for name in names[:59]:
        desk.answer(name, decision="approve")
    inbox = open_inbox("#history")
    entries = inbox.page.locator("[data-testid='hitl-entry'][data-request-id^='page-']")
    expect(inbox.entry("page-58")).to_be_visible()
    expect(inbox.entry("page-1")).to_have_count(0)
    while inbox.hook("hitl-older").is_visible():
        inbox.hook("hitl-older").click()
        expect(inbox.hook("hitl-history")).to_have_attribute("aria-busy", "false")
    expect(entries).to_have_count(59)
    desk.answer("page-59", decision="approve")
    expect(entries).to_have_count(60)
    expect(entries.first).to_have_attribute("data-request-id", "page-59")


def test_the_history_shows_what_was_answered_however_many_newer_questions_wait(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("below", prompt="Long ago?")
    desk.answer("below", human_feedback="Fine")
    desk.ask_all([{"request_id": f"above-{number}"} for number in range(60)])
    inbox = open_inbox("#history")
    expect(inbox.entry("below")).to_be_visible()


def test_a_search_of_the_history_finds_what_was_not_listed_yet(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    names = [f"found-{number}" for number in range(60)]
    desk.ask_all([{"request_id": name, "source": source()} for name in names])
    for name in names:
        desk.answer(name, human_feedback="Unheard" if name == "found-0" else "")
    inbox = open_inbox("#history")
    expect(inbox.entry("found-59")).to_be_visible()
    expect(inbox.entry("found-0")).to_have_count(0)
    inbox.hook("hitl-search").fill("unheard notes")
    expect(inbox.entry("found-0")).to_be_visible()
    expect(inbox.hook("hitl-entry")).to_have_count(1)
    inbox.hook("hitl-search").fill("unheard nothing")
    expect(inbox.hook("hitl-nothing-found")).to_contain_text("No matches.")


@pytest.mark.parametrize("sign", ["#", "?"])
def test_a_link_leads_to_one_request_open_or_closed(
    desk: Desk, open_inbox: OpenInbox, sign: str
) -> None:
    request_id = desk.ask(f"linked by {sign}")
    inbox = open_inbox(f"{sign}request={quote(request_id)}")
    expect(inbox.card(request_id)).to_have_attribute("data-status", "pending", timeout=CARD_MS)
    desk.answer(request_id)
    expect(inbox.card(request_id)).to_have_attribute("data-status", "answered")
    inbox.page.reload()
    expect(inbox.card(request_id)).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    expect(inbox.hook("hitl-trail")).to_contain_text("Accepted")
    inbox.hook("hitl-single").get_by_role("button", name="Pending requests").click()
    expect(inbox.hook("hitl-inbox")).to_have_attribute("data-view", "pending")


def test_a_link_to_nothing_says_so(open_inbox: OpenInbox) -> None:
    inbox = open_inbox("#request=nobody")
    expect(inbox.hook("hitl-single")).to_contain_text("Request not found")


def test_a_card_leads_to_its_notebook_in_jupyterlab(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    notebook = inbox_server.root / "my reports" / "first.ipynb"
    desk.ask("here", source=source(notebook=str(notebook)))
    desk.ask("there", source=source(notebook=str(Path("/elsewhere/other.ipynb"))))
    inbox = open_inbox()
    link = inbox.item("here").get_by_test_id("hitl-notebook")
    expect(link).to_have_text("Open first.ipynb", timeout=CARD_MS)
    path = urlsplit(link.evaluate("link => link.href")).path
    assert path == "/lab/tree/my%20reports/first.ipynb"
    expect(inbox.item("there").get_by_test_id("hitl-notebook")).to_have_count(0)


def test_a_standalone_server_has_the_same_page(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with (
        HumanInputServer(port=0, api_key="a-key") as server,
        httpx.Client(base_url=server.url, params={"token": "a-key"}) as http,
    ):
        question = {"type": "human_input_required", "request_id": "alone", "prompt": "Good?"}
        http.post("events", json=question).raise_for_status()
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.url}?token=a-key")
        card = page.locator("[data-testid='hitl-card'][data-request-id='alone']")
        card.get_by_test_id("hitl-feedback").fill("Shorter")
        card.get_by_test_id("hitl-send").click()
        expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
        page.get_by_test_id("hitl-tab-history").click()
        expect(page.get_by_test_id("hitl-entry")).to_contain_text("Feedback sent")
        assert not [url for url in asked if url.endswith("/api/me")]  # it has no names to change
        page.close()


def test_five_hundred_questions_are_drawn_as_one_gets_to_them(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    context = "# Draft\n\n" + "Some words of a draft. " * 50
    names = [f"many-{number:03}" for number in range(500)]
    desk.ask_all([{"request_id": name, "context": context} for name in names])
    inbox = open_inbox()
    expect(inbox.hook("hitl-count")).to_have_text("500", timeout=CARD_MS)
    expect(inbox.card("many-000").get_by_test_id("hitl-accept")).to_be_enabled()
    assert inbox.hook("hitl-card").count() < 100
    for _ in range(100):
        if inbox.card("many-499").count():
            break
        inbox.page.mouse.wheel(0, 20_000)
        inbox.page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(inbox.card("many-499")).to_have_count(1)
    inbox.hook("hitl-search").fill("many-250?")
    expect(inbox.card("many-250")).to_be_visible()
    expect(inbox.hook("hitl-card")).to_have_count(1)


def test_a_page_whose_server_is_away_says_so_and_comes_back(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    desk.ask("seen before")
    inbox = open_inbox()
    expect(inbox.card("seen before")).to_be_visible(timeout=CARD_MS)
    inbox_server.kill()
    trouble = inbox.hook("hitl-trouble")
    expect(trouble).to_have_attribute("data-trouble", "away", timeout=CARD_MS)
    expect(inbox.card("seen before")).to_be_visible()
    trouble.get_by_role("button", name="Retry now").click()
    inbox_server.start()
    expect(trouble).to_have_count(0, timeout=CARD_MS)
    expect(inbox.card("seen before").get_by_test_id("hitl-accept")).to_be_enabled()


def test_a_login_that_has_run_out_is_said(
    open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    inbox = open_inbox()
    inbox.page.goto(inbox_server.prefix)  # by the cookie, without the token in the address
    inbox.page.context.clear_cookies()
    inbox_server.kill()
    inbox_server.start()
    trouble = inbox.hook("hitl-trouble")
    expect(trouble).to_have_attribute("data-trouble", "forbidden", timeout=CARD_MS)
    trouble.get_by_role("button", name="Log in again").click()
    inbox.page.wait_for_url("**/login?next=*")
