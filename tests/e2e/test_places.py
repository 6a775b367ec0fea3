"""The other places where a question shows: JupyterLab's side panel, and Jupyter Notebook."""

from playwright.sync_api import Browser, expect

from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.lab import CARD_MS, Lab, write_notebook
from tests.e2e.notes import Notes
from tests.jupyter_process import JupyterProcess


def test_the_side_panel_counts_and_answers(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("panel.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    request_id = lab.await_card("pending").get_attribute("data-request-id")
    tab = lab.page.get_by_title("Crews waiting for you (1)")
    tab.click()
    panel = lab.page.get_by_test_id("hitl-panel")
    card = panel.locator(f"[data-testid='hitl-card'][data-request-id='{request_id}']")
    item = panel.locator(f"[data-testid='hitl-item'][data-request-id='{request_id}']")
    item.get_by_test_id("hitl-notebook").click(timeout=CARD_MS)
    expect(lab.card("pending")).to_be_focused(timeout=CARD_MS)
    card.get_by_test_id("hitl-accept").click(timeout=CARD_MS)
    notes.await_note("finished")
    lab.await_card("answered")
    expect(panel.locator("[data-testid='hitl-card'][data-status='pending']")).to_have_count(0)


def test_a_card_answers_in_jupyter_notebook(
    browser: Browser, lab_server: JupyterProcess, notes: Notes
) -> None:
    write_notebook(lab_server.root / "notebook-7.ipynb", [notes.cell, CREW, KICKOFF])
    lab = Lab(browser.new_page(), lab_server)
    lab.open_in_notebook_7("notebook-7.ipynb")
    lab.run_all()
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered")
    lab.page.close()
