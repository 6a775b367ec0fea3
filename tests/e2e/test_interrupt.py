"""The kernel is interrupted while the crew waits: the card says so and the cell ends."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, INTERRUPTIBLE
from tests.e2e.notes import Notes


def test_an_interrupt_cancels_the_question_and_ends_the_cell(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("interrupt.ipynb", [notes.cell, CREW, INTERRUPTIBLE, "print('free again')"])
    lab.run_all()
    lab.await_card("pending")
    lab.interrupt()
    notes.await_note("interrupted", seconds=5)
    card = lab.await_card("cancelled")
    expect(card.get_by_test_id("hitl-accept")).to_have_count(0)
    lab.await_aborted_last_cell()
    lab.run_last()
    expect(lab.outputs().last).to_have_text("free again")
