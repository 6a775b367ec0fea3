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


def test_a_notebook_whose_kernel_is_gone_is_saved_with_the_outcome_of_its_card(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk
) -> None:
    request_id = desk.ask("lab-gone", **REVIEW)
    write_card(inbox_server, "gone.ipynb", desk.request(request_id))
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    lab = Lab(page, inbox_server)
    lab.open("gone.ipynb")
    lab.await_card("pending")
    desk.answer(request_id, human_feedback="Fine")
    lab.await_card("answered")
    assert lab.saved_outcomes("gone.ipynb") == ["respond"]
    page.close()


def code_cell(source: str) -> dict[str, Any]:
    """Return a cell without outputs."""
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}


@pytest.mark.parametrize("still", ["no-preference", "reduce"])
def test_the_top_of_a_long_card_stays_where_it_was_seen_when_the_card_closes(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk, still: Any
) -> None:
    history = [{"draft": "A draft.", "feedback": f"Round {number}"} for number in range(20)]
    request_id = desk.ask(f"lab-long-{still}", **{**REVIEW, "history": history, "round": 21})
    name = f"long-{still}.ipynb"
    write_card(inbox_server, name, desk.request(request_id))
    notebook = json.loads((inbox_server.root / name).read_text())
    others = [
        {**code_cell("\n".join(["1"] * 30)), "id": f"c{n}", "execution_count": None}
        for n in range(4)
    ]
    notebook["cells"] = [*others[:2], *notebook["cells"], *others[2:]]
    (inbox_server.root / name).write_text(json.dumps(notebook))
    page = browser.new_page(viewport={"width": 1200, "height": 700}, reduced_motion=still)
    lab = Lab(page, inbox_server)
    lab.open(name)
    card = lab.await_card("pending")
    lab.page.evaluate("localStorage.setItem('crewai-hitl/undo-ms', '0')")
    card.get_by_test_id("hitl-accept").scroll_into_view_if_needed()
    before = card.evaluate(_PLACE)
    assert before["height"] > 700
    assert before["top"] < before["view"], "the card's beginning is above the viewport"
    card.get_by_test_id("hitl-accept").click()
    closed = lab.await_card("answered")
    page.wait_for_function(_IS_STILL, arg=request_id)
    after = closed.evaluate(_PLACE)
    assert after["height"] < 150
    assert abs(after["top"] - after["view"]) < 2, "its line is where the card was seen"
    expect(closed.get_by_test_id("hitl-record").first).to_be_in_viewport()
    page.close()


_PLACE = """card => {
  const { top, height } = card.getBoundingClientRect();
  const view = card.closest('.jp-WindowedPanel-outer').getBoundingClientRect().top;
  return { top, height, view };
}"""

_IS_STILL = """id => {
  const card = document.querySelector(`.jp-Notebook [data-request-id='${id}']`);
  return card.getAnimations().length === 0;
}"""


@pytest.mark.parametrize("shell", ["lab", "notebook"])
def test_no_key_typed_into_a_card_or_a_closed_one_reaches_the_notebook(
    browser: Browser, inbox_server: JupyterProcess, desk: Desk, shell: str
) -> None:
    own, others = (desk.ask(f"keys-{shell}-{who}", **REVIEW) for who in ("own", "others"))
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.add_init_script("localStorage.setItem('crewai-hitl/undo-ms', '0')")
    lab = Lab(page, inbox_server)
    cells, prompt = page.locator(".jp-Notebook-cell"), page.locator(".jp-InputPrompt").first
    for request_id in (own, others):
        name = f"{request_id}.ipynb"
        write_card(inbox_server, name, desk.request(request_id))
        if shell == "lab":
            lab.open(name)
        else:
            lab.open_in_notebook_7(name)
        card = lab.await_card("pending")
        card.get_by_test_id("hitl-accept").focus()
        for key in ("d", "d", "m"):
            page.keyboard.press(key)
        card.focus()
        if request_id == own:
            page.keyboard.press("x")
        else:
            desk.answer(request_id, human_feedback="Fine")
        closed = lab.await_card("answered")
        for again in (False, True):  # also when the focus comes back later
            if again:
                page.keyboard.press("Escape")
                expect(closed).not_to_be_focused()
                closed.get_by_test_id("hitl-record").click()
            expect(closed).to_be_focused()
            for key in ("x", "d", "d", "a", "b", "Enter", "Control+Enter"):
                page.keyboard.press(key)
            expect(closed).to_be_focused()
            expect(cells).to_have_count(1)
            expect(prompt).to_have_text("[1]:")
        closed.locator("summary").last.focus()
        for key in ("x", "d", "d"):
            page.keyboard.press(key)
        expect(cells).to_have_count(1)
        page.keyboard.press("Escape")
        expect(closed).not_to_be_focused()
        page.keyboard.press("b")
        expect(cells).to_have_count(2)
    page.close()
