"""The page is reloaded while the crew waits: the card comes back and still answers."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.notes import Notes


def test_a_card_survives_a_reload_while_its_cell_blocks(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("reload.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    lab.await_card("pending").get_by_test_id("hitl-feedback").fill("A draft that must not vanish")
    lab.save()
    lab.reload()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-feedback")).to_have_value("A draft that must not vanish")
    card.get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered")
    assert lab.saved_outcomes("reload.ipynb") == ["approve"]


def test_a_notebook_reopened_after_the_run_shows_the_record(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("record.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_idle()
    lab.save()
    lab.reload()
    expect(lab.await_card("answered").get_by_test_id("hitl-record")).to_be_visible()


def test_a_cell_run_again_leaves_no_doubled_card(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("again.ipynb", [notes.cell, CREW, KICKOFF])
    for _ in range(2):
        lab.run_all()
        lab.await_card("pending").get_by_test_id("hitl-accept").click()
        notes.await_note("finished")
        lab.await_idle()
        lab.await_card("answered")


def test_after_a_reload_the_crews_next_question_has_a_card_in_the_same_cell(
    open_lab: OpenLab, notes: Notes
) -> None:
    """JupyterLab itself shows nothing more of a cell that ran while its page was reloaded."""
    lab = open_lab("next.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    lab.await_card("pending")
    lab.save()
    lab.reload()
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-feedback").fill("Shorter")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    following = lab.await_card("pending")
    expect(lab.cells().nth(2).get_by_test_id("hitl-card")).to_have_count(2)
    following.get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered", count=2)
