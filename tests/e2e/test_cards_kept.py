"""A question that waits has its card in the cell that asks it, whatever is done to that cell."""

import json
from collections.abc import Callable
from functools import partial

from playwright.sync_api import Locator, expect

from crewai_hitl_nb.widget.bundle import CARD_MIME
from tests.e2e.conftest import OpenLab
from tests.e2e.lab import CARD_MS, Lab

ASK = """\
import crewai_hitl_nb as hitl
print("It is", hitl.ask("Which colour?"))
"""

ASK_MUCH = f"""\
import crewai_hitl_nb as hitl
hitl.ask("Which colour?", context="{"All of it. " * 2000}")
"""


def without(lab: Lab, card: Locator, action: Callable[[], None]) -> None:
    """Do something that removes a card, and wait until it is gone."""
    handle = card.element_handle()
    action()
    handle.wait_for_element_state("hidden", timeout=CARD_MS)


def answer(card: Locator, text: str) -> None:
    """Answer a question with a text."""
    card.get_by_test_id("hitl-feedback").fill(text)
    card.get_by_test_id("hitl-send").click()


def test_a_card_that_is_cleared_away_comes_back_because_the_cell_still_waits(
    open_lab: OpenLab,
) -> None:
    lab = open_lab("cleared.ipynb", ["1", ASK])
    lab.run_all()
    for command in ("notebook:clear-cell-output", "notebook:clear-all-cell-outputs"):
        card = lab.await_card("pending")
        lab.cells().nth(1).locator(".jp-InputArea").click()
        without(lab, card, partial(lab.command, command))
    answer(lab.await_card("pending"), "green")
    expect(lab.cells().nth(1)).to_contain_text("It is green")
    lab.await_idle()
    expect(lab.card()).to_have_count(1)
    assert lab.saved_outcomes("cleared.ipynb") == ["respond"]


def test_a_cell_run_again_while_it_waits_keeps_its_question_until_that_is_answered(
    open_lab: OpenLab,
) -> None:
    lab = open_lab("twice.ipynb", [ASK])
    lab.run_all()
    without(lab, lab.await_card("pending"), lab.run_all)
    answer(lab.await_card("pending"), "green")
    answer(lab.await_card("pending"), "blue")
    expect(lab.cells()).to_contain_text("It is blue")


def test_a_card_that_is_added_after_a_reload_is_saved_with_its_long_text(
    open_lab: OpenLab,
) -> None:
    lab = open_lab("long.ipynb", [ASK_MUCH])
    lab.run_all()
    lab.await_card("pending")
    lab.reload()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-send")).to_be_visible()  # the server's text has arrived
    lab.save()
    saved = json.loads((lab.server.root / "long.ipynb").read_text())
    (data,) = (output["data"] for output in saved["cells"][0]["outputs"])
    event = data[CARD_MIME]["event"]
    assert "brief" not in event
    assert event["context"].startswith("All of it. All of it.")
    assert "All of it. All of it." in "".join(data["text/plain"])
