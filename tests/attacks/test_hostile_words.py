"""Hostile words on the inbox page, on cards in a notebook and in JupyterLab's panel.

Each screen is looked at twice: as it is, and without what makes a crew's words harmless. The
second look proves that the words were drawn there, and that they are hostile.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.attacks import hostile
from tests.attacks.bare import EITHER
from tests.attacks.witness import Witness
from tests.e2e.inbox import Desk, InboxPage
from tests.jupyter_process import JupyterProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DRAWN_MS = 60_000
HOSTILE_AT_LEAST = 20
"""Payloads that run a script by themselves when nothing is in their way; others want a click."""

_GO_DOWN = """([cards, wanted]) => {
  const drawn = document.querySelectorAll(cards);
  drawn[drawn.length - 1]?.scrollIntoView({ behavior: "instant" });
  return drawn.length >= wanted;
}"""

MIME_TYPE = "application/vnd.crewai-hitl.request+json"
ACCEPT = "[data-testid='hitl-accept']"
EVERY_CARD = 860
"""A width at which the inbox shows every card; from 900 pixels on it shows one beside a list."""


@pytest.fixture(scope="module")
def desk(jupyter: JupyterProcess) -> Iterator[Desk]:
    """The log, with every hostile question open and some answered."""
    desk = Desk(jupyter)
    desk.ask_all([*hostile.payloads(), *hostile.OPEN, hostile.CLOSED, hostile.WITHDRAWN])
    key = next(jupyter.root.parent.rglob("kernel_key")).read_text().strip()
    reply = httpx.post(
        f"{jupyter.prefix}events",
        json=[*hostile.endings(), *hostile.runs()],
        headers={"Authorization": f"Bearer {key}"},
    )
    reply.raise_for_status()
    yield desk
    desk.clear()
    desk.close()


@contextmanager
def watched(
    browser: Browser,
    server: JupyterProcess,
    *,
    bare: bool,
    policy: bool = False,
    width: int = 1200,
) -> Iterator[Witness]:
    """Open a page that is watched, and maybe without its defences."""
    context = browser.new_context(
        viewport={"width": width, "height": 1000}, bypass_csp=bare and not policy
    )
    if bare:
        Witness.lay_bare(context)
    try:
        yield Witness(context.new_page(), server.url)
    finally:
        context.close()


def open_inbox(witness: Witness, server: JupyterProcess) -> InboxPage:
    inbox = InboxPage(witness.page, server).open()
    draw_all(witness.page, "[data-testid='hitl-card']")
    return inbox


def draw_all(page: Page, cards: str, *, more: int = 0) -> None:
    """Go down a list, which grows as one does, until every question has a card."""
    asked = len(hostile.TEXTS) + len(hostile.OPEN) + more
    page.wait_for_function(_GO_DOWN, arg=[cards, asked], timeout=DRAWN_MS)


def unfold(page: Page) -> None:
    """Open what is folded, so that it is drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def open_history(inbox: InboxPage) -> None:
    inbox.hook("hitl-tab-history").click()
    for request_id in ("every-answer", "every-end"):
        inbox.entry(request_id).locator("summary").first.click()
    expect(inbox.hook("hitl-trail")).to_have_count(2)
    expect(inbox.page.get_by_text("alert('message')")).not_to_have_count(0)


def run_by(witness: Witness) -> set[str]:
    """Return the numbers of the payloads that ran."""
    return {said for said in witness.ran if said.isdigit()}


def test_hostile_words_do_nothing_on_the_inbox_page(
    browser: Browser, jupyter: JupyterProcess, desk: Desk
) -> None:
    with watched(browser, jupyter, bare=False, width=EVERY_CARD) as witness:
        inbox = open_inbox(witness, jupyter)
        expect(inbox.card("every-cell").get_by_test_id("hitl-table")).to_be_attached()
        expect(inbox.card("every-image").locator("img")).to_have_count(2)
        unfold(witness.page)
        witness.settle()
        assert witness.harmful("main") == []
        assert witness.covered(ACCEPT) == []
        assert witness.polluted() == []
        open_history(inbox)
        witness.settle()
        assert witness.harmful("main") == []
        assert (witness.ran, witness.called) == ([], [])


def test_bare_of_what_makes_them_harmless_they_run_from_every_field_of_the_page(
    browser: Browser, jupyter: JupyterProcess, desk: Desk
) -> None:
    with watched(browser, jupyter, bare=True, width=EVERY_CARD) as witness:
        inbox = open_inbox(witness, jupyter)
        unfold(witness.page)
        witness.settle()
        witness.page.evaluate("Object.prototype.polluted = 1")
        assert witness.polluted() == ["polluted"]
        assert len(run_by(witness)) >= HOSTILE_AT_LEAST
        assert any("e.org" in url for url in witness.called)
        assert witness.harmful("main") != []
        witness.read_texts_as_html()
        assert hostile.ON_THE_PAGE - set(witness.ran) == set()
        open_history(inbox)
        witness.read_texts_as_html()
        assert hostile.IN_THE_HISTORY - set(witness.ran) == set()


def test_the_pages_policy_alone_lets_none_of_them_run_or_load(
    browser: Browser, jupyter: JupyterProcess, desk: Desk
) -> None:
    with watched(browser, jupyter, bare=True, policy=True, width=EVERY_CARD) as witness:
        open_inbox(witness, jupyter)
        witness.settle()
        witness.read_texts_as_html()
        assert (witness.ran, witness.called) == ([], [])


def test_hostile_words_do_nothing_in_the_list_beside_an_open_card(
    browser: Browser, jupyter: JupyterProcess, desk: Desk
) -> None:
    with watched(browser, jupyter, bare=False) as witness:
        inbox = InboxPage(witness.page, jupyter).open()
        draw_all(witness.page, "[data-testid='hitl-row']")
        for request_id in ("every-field", "every-form-field", "every-cell", "every-image"):
            inbox.row(request_id).get_by_role("button").click()
            expect(inbox.card(request_id)).to_be_visible()
            unfold(witness.page)
            witness.settle()
            assert witness.harmful("main") == []
        assert witness.polluted() == []
        assert (witness.ran, witness.called) == ([], [])


def write_notebook(server: JupyterProcess, desk: Desk) -> str:
    """Write a notebook whose one cell shows a card of every question, and the runs."""
    ids = [one["request_id"] for one in (*hostile.payloads(), *hostile.OPEN, hostile.CLOSED)]
    bundles: list[Any] = [{"request_id": name, "event": desk.request(name)} for name in ids]
    bundles += [
        {"mode": "run", "execution_id": name, "event": {**hostile.started(name), "offset": 1}}
        for name in (hostile.RUN, hostile.FAILED_RUN)
    ]
    cells: list[Any] = [
        {
            "cell_type": "code",
            "id": f"cell-{start}",
            "source": "",
            "metadata": {},
            "execution_count": None,
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {MIME_TYPE: bundle}}
                for bundle in bundles[start : start + 40]
            ],
        }
        for start in range(0, len(bundles), 40)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "python3"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    (server.root / "hostile.ipynb").write_text(json.dumps(notebook))
    return "hostile.ipynb"


def open_lab(witness: Witness, server: JupyterProcess, notebook: str) -> None:
    page = witness.page
    address = f"lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}?token={server.token}"
    page.goto(server.url + address, timeout=DRAWN_MS)
    draw_all(page, ".jp-Notebook [data-testid='hitl-card']", more=1)
    expect(page.locator(".jp-Notebook [data-testid='hitl-table']")).to_be_attached()
    expect(page.locator(".jp-Notebook [data-testid='hitl-run']")).to_have_count(2)
    expect(page.get_by_test_id("hitl-run-error")).to_be_attached(timeout=DRAWN_MS)
    expect(page.get_by_test_id("hitl-run-result")).to_be_attached(timeout=DRAWN_MS)


def open_panel(witness: Witness) -> None:
    command = "() => window.jupyterapp.commands.execute('crewai-hitl:open-panel')"
    witness.page.evaluate(command)
    cards = "[data-testid='hitl-panel'] [data-testid='hitl-card']"
    draw_all(witness.page, cards)


@EITHER
def test_hostile_words_do_nothing_on_cards_runs_and_the_panel(
    browser: Browser, jupyter: JupyterProcess, desk: Desk, bare: bool
) -> None:
    notebook = write_notebook(jupyter, desk)
    with watched(browser, jupyter, bare=bare) as witness:
        open_lab(witness, jupyter, notebook)
        open_panel(witness)
        unfold(witness.page)
        witness.settle()
        if bare:
            witness.read_texts_as_html()
            assert len(run_by(witness)) >= HOSTILE_AT_LEAST
            assert (hostile.ON_THE_PAGE | hostile.IN_A_TABLE | hostile.IN_A_NOTEBOOK) - set(
                witness.ran
            ) == set()
            return
        assert witness.harmful(".jp-Notebook .chitl, [data-testid='hitl-panel']") == []
        assert witness.covered(f"[data-testid='hitl-panel'] {ACCEPT}") == []
        assert witness.polluted() == []
        assert (witness.ran, witness.called) == ([], [])
