"""A person answers a card, in the cell or anywhere else, and the crew continues."""

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, INBOX, KICKOFF
from tests.e2e.lab import CARD_MS
from tests.e2e.notes import Notes
from tests.jupyter_process import JupyterProcess


def open_inbox_page(browser: Browser, server: JupyterProcess) -> Page:
    page = browser.new_page()
    page.goto(f"{server.prefix}?token={server.token}")
    return page


def test_accepting_in_the_cell_lets_the_crew_go_on(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("accept.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-context")).to_contain_text("Three things stand out")
    card.get_by_test_id("hitl-accept").click()
    assert "Three things stand out" in notes.await_note("finished").detail
    record = lab.await_card("answered").get_by_test_id("hitl-record")
    expect(record).to_be_visible()
    expect(lab.outputs().last).to_contain_text("The crew went on.")


def test_feedback_brings_a_new_draft_and_a_new_card(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("feedback.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-feedback").fill("Begin with the cost")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    second = lab.await_card("pending")
    expect(second.get_by_test_id("hitl-context")).to_contain_text("Begin with the cost")
    second.get_by_test_id("hitl-accept").click()
    assert "Begin with the cost" in notes.await_note("finished").detail
    lab.await_card("answered", count=2)


def test_a_second_notebook_with_its_own_kernel_answers(open_lab: OpenLab, notes: Notes) -> None:
    asking = open_lab("asking.ipynb", [notes.cell, CREW, KICKOFF])
    other = open_lab("other.ipynb", [INBOX])
    asking.run_all()
    asking.await_card("pending")
    other.run_all()
    other.await_card("pending").get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    asking.await_card("answered")


def test_the_inbox_page_answers(
    open_lab: OpenLab, browser: Browser, lab_server: JupyterProcess, notes: Notes
) -> None:
    lab = open_lab("inbox.ipynb", [notes.cell, CREW, KICKOFF])
    inbox = open_inbox_page(browser, lab_server)
    lab.run_all()
    lab.await_card("pending")
    card = inbox.locator("[data-testid='hitl-card'][data-status='pending']")
    card.get_by_test_id("hitl-feedback").fill("From the inbox")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")  # until this page hears of it, the first card is pending, too
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    assert "From the inbox" in notes.await_note("finished").detail
    inbox.close()


def test_two_open_copies_agree_at_once(
    open_lab: OpenLab, browser: Browser, lab_server: JupyterProcess, notes: Notes
) -> None:
    lab = open_lab("copies.ipynb", [notes.cell, CREW, KICKOFF])
    inbox = open_inbox_page(browser, lab_server)
    lab.run_all()
    request_id = lab.await_card("pending").get_attribute("data-request-id")
    copy = inbox.locator(f"[data-testid='hitl-card'][data-request-id='{request_id}']")
    expect(copy).to_have_attribute("data-status", "pending", timeout=CARD_MS)
    copy.get_by_test_id("hitl-feedback").fill("Mine is written but not sent")
    lab.card("pending").get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered")
    expect(inbox.locator("[data-testid='hitl-card'][data-status='pending']")).to_have_count(0)
    inbox.close()
