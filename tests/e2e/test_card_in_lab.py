"""The card as JupyterLab draws it: in its themes, beside its shortcuts, without a kernel's help."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.axe import violations
from tests.e2e.inbox import Desk
from tests.e2e.lab import Lab
from tests.jupyter_process import JupyterProcess

REVIEW: dict[str, Any] = {
    "prompt": "Is this result good?",
    "context": "The cost is $c = 1.15$.\n\n| team | hours |\n|---|--:|\n| red | 120 |",
    "draft": "The cost is $c = 1.15$.",
    "history": [{"draft": "The cost is high.", "feedback": "Say how high"}],
    "round": 2,
    "response": {"decisions": ["approve", "respond", "edit", "reject"]},
    "expires_at": "2999-01-01T00:00:00Z",
    "remind_at": "2026-01-01T00:00:00Z",
}


def write_card(server: JupyterProcess, name: str, event: dict[str, Any]) -> None:
    """Write a notebook that shows a question, as a kernel that is gone has left it."""
    payload = {"request_id": event["request_id"], "event": event}
    output = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"application/vnd.crewai-hitl.request+json": payload, "text/plain": "?"},
    }
    cell = {
        "cell_type": "code",
        "id": "asks",
        "source": "crew.kickoff()",
        "metadata": {},
        "outputs": [output],
        "execution_count": 1,
    }
    kernelspec = {"name": "python3", "display_name": "python3"}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernelspec},
        "cells": [cell],
    }
    (server.root / name).write_text(json.dumps(notebook))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_card_in_a_notebook_keeps_to_the_rules_and_its_keys_to_itself(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk, theme: str
) -> None:
    request_id = desk.ask(f"lab-{theme}", **REVIEW)
    write_card(inbox_server, f"card-{theme}.ipynb", desk.request(request_id))
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.add_init_script("localStorage.setItem('crewai-hitl/undo-ms', '60000')")  # axe takes time
    lab = Lab(page, inbox_server)
    lab.open(f"card-{theme}.ipynb")
    lab.use_theme(f"JupyterLab {theme}")
    card = lab.await_card("pending")
    expect(card.locator("math")).to_have_count(1)
    within = f".jp-Notebook [data-request-id='{request_id}']"
    assert violations(page, within) == []
    card.focus()
    page.keyboard.press("r")
    expect(card.get_by_test_id("hitl-feedback")).to_be_focused()
    page.keyboard.type("abxd")
    expect(card.get_by_test_id("hitl-feedback")).to_have_value("abxd")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(card.get_by_test_id("hitl-send-now")).to_be_focused()
    assert violations(page, within) == []
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(card.get_by_test_id("hitl-editor")).to_be_focused()
    page.keyboard.type("Now: ")
    expect(card.locator("ins").last).to_have_text("Now: ")
    assert violations(page, within) == []
    page.keyboard.press("Control+Enter")
    expect(card.get_by_test_id("hitl-send-now")).to_be_focused()
    page.keyboard.press("Control+Enter")
    lab.await_card("answered")
    assert desk.request(request_id)["completion"]["human_feedback"].startswith("Now: The cost")
    expect(page.locator(".jp-Notebook-cell")).to_have_count(1)
    page.close()


def test_what_is_typed_after_somebody_else_has_answered_does_not_reach_the_notebook(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk
) -> None:
    request_id = desk.ask("lab-taken", **REVIEW)
    write_card(inbox_server, "taken.ipynb", desk.request(request_id))
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    lab = Lab(page, inbox_server)
    lab.open("taken.ipynb")
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-feedback").click()
    page.keyboard.type("I am about to")
    desk.answer(request_id, human_feedback="Fine")
    lab.await_card("answered")
    page.keyboard.type("xabdd")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".jp-Notebook-cell")).to_have_count(1)
    expect(page.locator(".jp-InputPrompt").first).to_have_text("[1]:")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    expect(page.locator(".jp-Notebook-cell")).to_have_count(2)
    page.close()


def test_a_card_that_shrinks_when_it_is_answered_stays_in_sight(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk
) -> None:
    long = "\n\n".join(f"Paragraph {number} of a long draft." for number in range(60))
    request_id = desk.ask("lab-long", **{**REVIEW, "context": long, "draft": long})
    write_card(inbox_server, "long.ipynb", desk.request(request_id))
    page = browser.new_page(viewport={"width": 1200, "height": 700})
    page.add_init_script("localStorage.setItem('crewai-hitl/undo-ms', '0')")
    lab = Lab(page, inbox_server)
    lab.open("long.ipynb")
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-accept").click()  # scrolls there
    expect(lab.await_card("answered").get_by_test_id("hitl-record").first).to_be_in_viewport()
    page.close()
