"""A run that was started in the background: its view, in the cell and after a reload."""

import os
import signal

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.camera import picture
from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW
from tests.e2e.lab import CARD_MS, Lab
from tests.e2e.notes import Notes

START = "run = hitl.start(make_crew())"
WAIT = """\
note("waiting")
note("ended", run.result())
"""
FAILING = """\
def break_down(output):
    raise ValueError("the note is too long") from KeyError("length")

crew = make_crew()
crew.tasks[0].callback = break_down
run = hitl.start(crew)
"""

STUCK = """\
import threading

class StuckLLM(NotedLLM):
    def call(self, *args, **kwargs):
        note("stuck")
        threading.Event().wait()

crew = make_crew()
crew.agents[0].llm = StuckLLM(model="stuck")
run = hitl.start(crew)
"""


def await_run(lab: Lab, status: str) -> Locator:
    """Wait for the one view of a run in that status."""
    view = lab.page.locator(".jp-Notebook [data-testid='hitl-run']")
    expect(view).to_have_count(1, timeout=CARD_MS)
    expect(view).to_have_attribute("data-status", status, timeout=CARD_MS)
    return view


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_run_shows_its_question_in_place_and_then_its_result(
    open_lab: OpenLab, notes: Notes, theme: str
) -> None:
    lab = open_lab(f"run-{theme}.ipynb", [notes.cell, CREW, START, WAIT])
    lab.use_theme(f"JupyterLab {theme}")
    lab.run_all()
    view = await_run(lab, "waiting")
    card = view.get_by_test_id("hitl-card")
    expect(card).to_have_count(1)
    expect(lab.card()).to_have_count(1)  # and none beside it
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled()
    expect(view.get_by_test_id("hitl-step")).to_have_attribute("data-status", "asking")
    picture(view, f"run-waiting-{theme.lower()}.png")

    card.get_by_test_id("hitl-accept").click()

    assert "Three things stand out" in notes.await_note("ended").detail
    view = await_run(lab, "finished")
    expect(view.get_by_test_id("hitl-run-result")).to_contain_text("Three things stand out")
    expect(view.get_by_test_id("hitl-step")).to_have_attribute("data-status", "done")
    picture(view, f"run-finished-{theme.lower()}.png")


def test_a_run_survives_a_reload_while_its_kernel_is_busy(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("run-reload.ipynb", [notes.cell, CREW, START, WAIT])
    lab.run_all()
    await_run(lab, "waiting")
    notes.await_note("waiting")
    lab.save()
    lab.reload()

    view = await_run(lab, "waiting")
    view.get_by_test_id("hitl-accept").click()
    notes.await_note("ended")
    await_run(lab, "finished")
    lab.await_idle()
    lab.save()
    lab.reload()

    record = await_run(lab, "finished")
    expect(record.get_by_test_id("hitl-run-result")).to_contain_text("Three things stand out")
    expect(record.get_by_test_id("hitl-run-earlier")).to_contain_text("1 question")


def test_the_button_cancels_a_run_although_its_kernel_is_busy(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("run-cancel.ipynb", [notes.cell, CREW, START, WAIT])
    lab.run_all()
    view = await_run(lab, "waiting")
    notes.await_note("waiting")
    view.get_by_test_id("hitl-run-cancel").click()

    view = await_run(lab, "cancelled")
    expect(view.get_by_test_id("hitl-card")).to_have_attribute("data-status", "cancelled")
    error = lab.outputs().filter(has_text="NotAnswered")
    expect(error.first).to_be_visible(timeout=CARD_MS)
    picture(view, "run-cancelled.png")


def test_running_the_cell_again_replaces_its_run(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("run-again.ipynb", [notes.cell, CREW, START])
    lab.run_all()
    first = await_run(lab, "waiting").get_attribute("data-execution-id")
    lab.run_last()

    second = lab.page.locator(f"[data-testid='hitl-run']:not([data-execution-id='{first}'])")
    expect(second).to_have_attribute("data-status", "waiting", timeout=CARD_MS)
    lab.await_card("pending")  # one question only


def test_a_run_that_fails_shows_the_error_and_its_cause(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("run-fails.ipynb", [notes.cell, CREW, FAILING])
    lab.run_all()
    await_run(lab, "waiting").get_by_test_id("hitl-accept").click()

    view = await_run(lab, "failed")
    error = view.get_by_test_id("hitl-run-error")
    expect(error).to_contain_text("ValueError: the note is too long")
    expect(error).to_contain_text("KeyError: 'length'")
    view.evaluate("view => { view.style.width = '328px'; }")  # as in a page of 360 px
    picture(view, "run-failed-narrow.png")


def test_a_run_whose_kernel_is_killed_does_not_go_on_for_ever(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("run-lost.ipynb", [notes.cell, CREW, STUCK])
    lab.run_all()
    kernel = int(notes.await_note("kernel").detail)
    await_run(lab, "running")
    notes.await_note("stuck")
    os.kill(kernel, signal.SIGKILL)

    await_run(lab, "lost")
