"""Texts that cost a page dear: the inbox stays there for the other questions.

A real server and a real browser. Each of these texts held the page for tens of seconds, or for
ever, while it was formatted beside everything else.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY

CHARS = 300_000
SHOWN_MS = 20_000

CONTEXTS = {
    "formulas without end": "\\[a\n" * (CHARS // 4),
    "dollars in pairs": "$$a " * (CHARS // 4),
    "brackets": "[" * CHARS,
    "an address without end": "a." * (CHARS // 2) + "@",
    "quotes in quotes": "> " * 5000 + "x",
    "elements in elements": "<b><i>" * 50_000,
    "a table": "|a" * 2000 + "|\n" + "|-" * 2000 + "|\n" + ("|b" * 2000 + "|\n") * 40,
    "marks on a letter": "a" + "\u0301" * 100_000,
    "marks as entities": "a" + "&#769;" * 100_000,
    "a script without spaces": "\u0e01" * 100_000,
    "a script without spaces, as entities": "&#3585;" * 100_000,
    "JSON": "[" + "1," * 150_000 + "1]",
}


def form(properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"kind": "question", "response": {"decisions": ["respond"], "schema": schema}}


LIST = {"type": "string", "enum": [str(number) for number in range(950)]}

OTHERS: dict[str, dict[str, Any]] = {
    "a prompt": {"prompt": "x" * 900_000},
    "marks in a prompt": {"prompt": "a" + "\u0301" * 100_000},
    "reasons": {"reason_flags": {f"flag {at}": True for at in range(20_000)}},
    "choices of a form": form({f"field {number}": LIST for number in range(100)}),
    "a text of a form": form({"text": {"type": "string", "default": "x" * 900_000}}),
    "rounds": {"history": [{"draft": "d", "feedback": "f"}] * 10_000},
}

HARD = {**{name: {"context": text} for name, text in CONTEXTS.items()}, **OTHERS}

PLAIN = ["brackets", "an address without end", "quotes in quotes", "elements in elements"]


@pytest.fixture
def width() -> int:
    """So that the page shows every card; from 900 pixels on it shows one beside a list."""
    return 860


@pytest.fixture
def page(browser: Browser, width: int) -> Iterator[Page]:
    """A page whose errors fail the test."""
    context = browser.new_context(viewport={"width": width, "height": 720})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def asked(owner: httpx.Client) -> Iterator[list[str]]:
    """The questions of a test, which go with it."""
    ids: list[str] = []
    yield ids
    for one in ids:
        owner.post(f"/requests/{one}/cancel", json={})


def ask(owner: httpx.Client, asked: list[str], **fields: Any) -> str:
    request_id = uuid.uuid4().hex
    question = {"type": "human_input_required", "request_id": request_id, "prompt": "Good?"}
    reply = owner.post("/events", json={**question, **fields})
    assert reply.status_code == 200, reply.text
    asked.append(request_id)
    return request_id


@pytest.mark.parametrize("name", HARD)
def test_a_hard_text_does_not_keep_others_from_answering(
    server: HumanInputServer, owner: httpx.Client, asked: list[str], page: Page, name: str
) -> None:
    ask(owner, asked, **HARD[name])
    easy = ask(owner, asked, prompt="An easy question")
    page.goto(f"{server.url}?token={KEY}")

    card = page.locator(f'[data-testid=hitl-card][data-request-id="{easy}"]')
    expect(card).to_be_visible(timeout=SHOWN_MS)
    card.get_by_test_id("hitl-feedback").fill("Fine")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=SHOWN_MS)


@pytest.mark.parametrize("width", [1280])
@pytest.mark.parametrize("name", ["brackets", "a prompt", "reasons", "choices of a form"])
def test_a_hard_text_that_is_open_beside_the_list_does_not_either(
    server: HumanInputServer, owner: httpx.Client, asked: list[str], page: Page, name: str
) -> None:
    ask(owner, asked, **HARD[name])
    easy = ask(owner, asked, prompt="An easy question")
    page.goto(f"{server.url}?token={KEY}")

    row = page.locator(f'[data-testid=hitl-row][data-request-id="{easy}"]')
    row.get_by_role("button").click(timeout=SHOWN_MS)
    card = page.locator(f'[data-testid=hitl-card][data-request-id="{easy}"]')
    card.get_by_test_id("hitl-feedback").fill("Fine", timeout=SHOWN_MS)
    card.get_by_test_id("hitl-send").click()
    expect(row).to_have_attribute("data-status", "answered", timeout=SHOWN_MS)


@pytest.mark.parametrize("name", PLAIN)
def test_a_hard_text_is_shown_as_it_was_written_and_says_so(
    server: HumanInputServer, owner: httpx.Client, asked: list[str], page: Page, name: str
) -> None:
    hard = ask(owner, asked, **HARD[name])
    page.goto(f"{server.url}?token={KEY}")

    card = page.locator(f'[data-testid=hitl-card][data-request-id="{hard}"]')
    expect(card.get_by_test_id("hitl-plain")).to_be_visible(timeout=SHOWN_MS)
    expect(card.get_by_test_id("hitl-context")).to_contain_text(CONTEXTS[name][:1000])
    more = card.get_by_test_id("hitl-context").get_by_test_id("hitl-more")
    assert more.count() == (1 if len(CONTEXTS[name]) > 20_000 else 0)


def test_a_long_text_beside_a_hard_one_is_formatted(
    server: HumanInputServer, owner: httpx.Client, asked: list[str], page: Page
) -> None:
    ask(owner, asked, context=CONTEXTS["brackets"])
    long = ask(owner, asked, context="# Heading\n\n" + "Some *words* and more.\n\n" * 400)
    page.goto(f"{server.url}?token={KEY}")

    card = page.locator(f'[data-testid=hitl-card][data-request-id="{long}"]')
    expect(card.get_by_role("heading", name="Heading")).to_be_visible(timeout=SHOWN_MS)
    expect(card.locator("em")).to_have_count(400)
