"""A person finds the question: from another place in the notebook, after a reload, in a tab."""

import re

from playwright.sync_api import expect

from tests.e2e.axe import violations
from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.lab import write_notebook
from tests.e2e.notes import Notes

LONG = "\n".join(f"# line {number}" for number in range(60))

ASK = """\
import crewai_hitl_nb as hitl
hitl.ask("Which colour?")
"""

_OPEN_ON_THE_SAME_KERNEL = """async (path) => {
  const { id } = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  await jupyterapp.commands.execute('docmanager:open', { path, kernel: { id } });
}"""


def test_a_pill_leads_to_a_question_outside_the_viewport(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("far.ipynb", [notes.cell, LONG, CREW, KICKOFF, LONG])
    lab.run_all()
    card = lab.await_card("pending")
    pill = lab.page.get_by_test_id("hitl-pill")
    for cell, arrow in ((lab.cells().first, "↓"), (lab.cells().last, "↑")):
        cell.scroll_into_view_if_needed()
        cell.click()
        expect(pill).to_have_text(f"Writer asks {arrow}")
        pill.click()
        expect(card).to_be_focused()
        expect(card).to_be_in_viewport()
        expect(pill).to_be_hidden()
    lab.cells().first.click()
    for theme in ("Dark", "Light"):
        lab.use_theme(f"JupyterLab {theme}")
        expect(pill).to_be_visible()
        assert violations(lab.page, ".chitl-pill") == []
    pill.click()
    card.get_by_test_id("hitl-accept").click()
    lab.await_card("answered")
    lab.cells().first.click()
    expect(pill).to_be_hidden()


def test_a_card_that_was_not_saved_is_back_in_its_cell_after_a_reload(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("unsaved.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    lab.await_card("pending")
    lab.reload()
    lab.await_card("pending")
    asking = lab.cells().nth(2)
    card = asking.get_by_test_id("hitl-card")
    expect(card).to_have_count(1)
    card.get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered")
    assert lab.saved_outcomes("unsaved.ipynb") == ["approve"]


def test_the_status_bar_and_the_tab_say_that_a_crew_waits(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("waits.ipynb", [notes.cell, CREW, KICKOFF])
    lab.run_all()
    card = lab.await_card("pending")
    expect(lab.page).to_have_title(re.compile(r"^\(1\) waits\.ipynb"))
    bar = lab.page.locator("#jp-main-statusbar")
    expect(bar).to_contain_text("1 waiting for you")
    expect(bar).to_contain_text("Busy")
    lab.page.set_viewport_size({"width": 360, "height": 780})
    expect(bar.get_by_test_id("hitl-status")).to_be_in_viewport()
    lab.page.set_viewport_size({"width": 1200, "height": 1000})
    card.get_by_test_id("hitl-accept").click()
    lab.await_idle()
    expect(bar).to_contain_text("Idle")
    expect(bar.get_by_test_id("hitl-status")).to_be_hidden()
    expect(lab.page).to_have_title(re.compile(r"^waits\.ipynb"))


def test_jupyter_notebook_shows_on_its_bar_that_a_crew_waits(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("seven.ipynb", [notes.cell, LONG, CREW, KICKOFF])
    lab.run_all()
    lab.await_card("pending")
    lab.show_in_notebook_7("notebooks/seven.ipynb")
    status = lab.page.locator("#top-panel").get_by_test_id("hitl-status")
    expect(status).to_have_text("1 waiting for you")
    lab.page.get_by_test_id("hitl-pill").click()
    expect(lab.await_card("pending")).to_be_in_viewport()
    lab.show_in_notebook_7("tree")
    status.click()
    listed = lab.page.get_by_test_id("hitl-panel").get_by_test_id("hitl-card")
    listed.get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    expect(status).to_be_hidden()


def test_a_pill_leads_to_a_card_that_is_folded_away(open_lab: OpenLab) -> None:
    lab = open_lab("folded.ipynb", ["# %% [markdown]", ASK, LONG])
    lab.run_all()
    lab.await_card("pending")
    asking, pill = lab.cells().nth(1), lab.page.get_by_test_id("hitl-pill")
    expect(pill).to_be_hidden()
    asking.locator(".jp-InputArea").click()
    lab.command("notebook:hide-cell-outputs")
    expect(pill).to_have_text(re.compile(r"\w asks$"))
    pill.click()
    expect(lab.await_card("pending")).to_be_focused()
    expect(pill).to_be_hidden()


def test_a_pill_leads_to_a_card_below_a_folded_heading(open_lab: OpenLab) -> None:
    lab = open_lab("heading.ipynb", ["# Colours", ASK, "# Next", LONG])
    for number in (0, 2):
        lab.cells().nth(number).locator(".jp-InputArea").click()
        lab.command("notebook:change-cell-to-markdown")
    lab.run_all()
    lab.await_card("pending")
    lab.cells().first.click()
    lab.command("notebook:collapse-all-headings")
    pill = lab.page.get_by_test_id("hitl-pill")
    expect(pill).to_have_text(re.compile(r"\w asks$"))
    pill.click()
    expect(lab.await_card("pending")).to_be_focused()
    expect(pill).to_be_hidden()


def test_a_pill_leads_to_the_cell_that_asks_not_to_a_copy_of_it(open_lab: OpenLab) -> None:
    lab = open_lab("copy.ipynb", [LONG, ASK, LONG])
    lab.run_all()
    lab.await_card("pending")
    lab.cells().nth(1).locator(".jp-InputArea").click()
    lab.command("notebook:copy-cell")
    lab.cells().first.click()
    lab.command("notebook:paste-cell-above")
    expect(lab.cells()).to_have_count(4)
    lab.cells().last.scroll_into_view_if_needed()
    lab.cells().last.click()
    lab.page.get_by_test_id("hitl-pill").click()
    expect(lab.cells().nth(2).get_by_test_id("hitl-card")).to_be_focused()


def test_show_the_cell_opens_the_notebook_that_asks_not_another_one_on_its_kernel(
    open_lab: OpenLab,
) -> None:
    lab = open_lab("first.ipynb", ["1"])
    write_notebook(lab.server.root / "second.ipynb", [LONG, ASK])
    lab.page.evaluate(_OPEN_ON_THE_SAME_KERNEL, "second.ipynb")
    lab.await_kernel()
    lab.run_all()
    card = lab.await_card("pending")
    lab.page.get_by_role("tab", name="first.ipynb").click()
    expect(card).to_be_hidden()
    lab.page.get_by_test_id("hitl-status").click()
    lab.page.get_by_test_id("hitl-panel").get_by_test_id("hitl-notebook").click()
    expect(card).to_be_focused()
