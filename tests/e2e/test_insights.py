"""The page *Insights*: what people accepted and refused, and how long they took."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

import crewai_hitl_nb as hitl
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.e2e.axe import violations
from tests.e2e.inbox import OpenInbox

KEY = "a-key-for-the-insights"
MANY = 10_000
READ_MS = 60_000

OpenInsights = Callable[..., Page]


def answered(number: int, ago: timedelta, **fields: Any) -> list[dict[str, Any]]:
    """Return a question that was asked then, and its answer a minute or more later."""
    asked = datetime.now(timezone.utc) - ago
    taken = timedelta(seconds=60 + number % 100)
    same = {"request_id": f"request-{number}", "execution_id": f"run-{number}"}
    good = number % 4 != 0
    return [
        {
            **same,
            "type": "human_input_required",
            "timestamp": asked.isoformat(),
            "prompt": "Good?",
            "context": "A draft of some length. " * 20,
            "source": {"crew_name": "Newsroom", "agent_role": f"Agent {number % 3}"},
            **fields,
        },
        {
            **same,
            "type": "human_input_completed",
            "timestamp": (asked + taken).isoformat(),
            "decision": "approve" if good else "respond",
            "human_feedback": "" if good else "Name the source",
        },
    ]


@contextmanager
def serving(events: list[dict[str, Any]]) -> Iterator[HumanInputServer]:
    with HumanInputServer(port=0, api_key=KEY) as server:
        with hitl.Client(server.url, KEY) as client:
            for start in range(0, len(events), 1000):
                client.publish(*events[start : start + 1000])
        yield server


@pytest.fixture(scope="module")
def full() -> Iterator[HumanInputServer]:
    """A server with ten thousand answers of the last hundred days, oldest first."""
    tool = {
        "kind": "tool_approval",
        "prompt": "May it?",
        "response": {"decisions": ["approve", "respond", "reject"]},
        "source": {"tool_name": "send_mail", "agent_role": "<b>Bold</b> \u202eagent"},
    }
    events = [
        event
        for number in range(MANY)
        for event in answered(
            number,
            timedelta(days=100 * (1 - (number + 0.5) / MANY)),
            **(tool if number % 5 == 0 else {}),
        )
    ]
    with serving(events) as server:
        yield server


@pytest.fixture
def open_insights(browser: Browser) -> Iterator[OpenInsights]:
    contexts = []

    def open_page(server: HumanInputServer, address: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 900}, **options})
        contexts.append(context)
        page: Page = context.new_page()
        page.goto(f"{server.url}insights?token={KEY}{address}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def state(page: Page) -> Locator:
    return page.get_by_test_id("hitl-insights-page")


def await_numbers(page: Page) -> None:
    expect(state(page)).to_have_attribute("data-state", "ready", timeout=READ_MS)


def test_ten_thousand_answers_are_counted_by_crew_agent_and_tool(
    open_insights: OpenInsights, full: HumanInputServer
) -> None:
    page = open_insights(full, "#days=0")
    await_numbers(page)
    figures = page.locator(".chitl-figures")
    expect(figures).to_contain_text("6,000 of 8,000")
    expect(figures).to_contain_text("1,500 of 2,000")
    expect(figures).to_contain_text("10,000 answered")
    expect(figures).to_contain_text("1.8 min90 % within 2.5 min")
    table = page.locator(".chitl-part", has_text="Drafts by agent")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(page.get_by_role("row", name="send_mail")).to_contain_text("75 %")
    refused = page.get_by_role("row", name="Name the source")
    expect(refused).to_contain_text("2,500")
    expect(refused).to_contain_text("Agent 0, Agent 1, Agent 2")


def test_a_shorter_period_fetches_no_more_than_it_counts(
    open_insights: OpenInsights, full: HumanInputServer
) -> None:
    page = open_insights(full, "#days=7")
    await_numbers(page)
    expect(page.get_by_test_id("hitl-period")).to_have_value("7")
    fetched = page.evaluate(
        "() => performance.getEntriesByType('resource')"
        ".filter(({ name }) => name.includes('/requests?')).length"
    )
    assert fetched <= 3  # of twenty pages
    expect(page.locator(".chitl-figures")).to_contain_text("700 answered")
    page.get_by_test_id("hitl-period").select_option("Last 30 days")
    expect(page.locator(".chitl-figures")).to_contain_text("3,000 answered", timeout=READ_MS)
    page.reload()
    expect(page.get_by_test_id("hitl-period")).to_have_value("30")


def test_an_empty_log_says_so(open_insights: OpenInsights) -> None:
    with serving([]) as server:
        page = open_insights(server)
        expect(page.get_by_test_id("hitl-no-insights")).to_be_visible()
        assert violations(page) == []


def test_a_server_that_does_not_reply_can_be_asked_again(
    open_insights: OpenInsights, full: HumanInputServer
) -> None:
    page = open_insights(full, "#days=7")
    await_numbers(page)

    def lose(route: Route) -> None:
        route.abort()

    page.route("**/requests?*", lose)
    page.get_by_test_id("hitl-period").select_option("Last 90 days")
    expect(page.get_by_test_id("hitl-reading")).to_contain_text("cannot be reached")
    expect(page.locator(".chitl-figures")).to_have_count(0)  # no number of a part
    page.unroute("**/requests?*")
    page.get_by_test_id("hitl-load-again").click()
    expect(page.locator(".chitl-figures")).to_contain_text("9,000 answered", timeout=READ_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
def test_everybody_can_read_it(
    open_insights: OpenInsights, full: HumanInputServer, scheme: str, width: int
) -> None:
    page = open_insights(
        full, "#days=7", color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    await_numbers(page)
    assert violations(page) == []
    wide = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not wide


def test_the_inbox_leads_there_and_back(open_inbox: OpenInbox) -> None:
    page = open_inbox().page
    page.get_by_role("link", name="Insights").click()
    expect(page).to_have_title("Insights")
    expect(state(page)).to_have_attribute("data-state", "ready", timeout=READ_MS)
    page.get_by_role("link", name="Waiting for you").click()
    expect(page).to_have_title("Waiting for you")
