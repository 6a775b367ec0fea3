"""The panel in JupyterLab, and in Jupyter Notebook as far as its shell allows."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk
from tests.e2e.lab import LOAD_MS, Lab, write_notebook
from tests.jupyter_process import JupyterProcess

OpenShell = Callable[..., Lab]

_UNTIL_SAVED_OPEN = """async () => {
  const name = location.pathname.split('/workspaces/')[1];
  for (;;) {
    const reply = await fetch(`/lab/api/workspaces/${name}`);
    const right = (await reply.json()).data?.['layout-restorer:data']?.right;
    if (right?.current === 'crewai-hitl-panel' && !right.collapsed) return;
    await new Promise(requestAnimationFrame);
  }
}"""

MIME_TYPE = "application/vnd.crewai-hitl.request+json"


@pytest.fixture
def open_shell(browser: Browser, inbox_server: JupyterProcess) -> Iterator[OpenShell]:
    """Open JupyterLab, or another front end's page, in a context of its own."""
    contexts = []

    def open_page(path: str | None = None) -> Lab:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        contexts.append(context)
        lab = Lab(context.new_page(), inbox_server)
        path = path or f"lab/workspaces/{uuid.uuid4().hex}"
        lab.page.goto(f"{inbox_server.url}{path}?token={inbox_server.token}")
        await_layout(lab)
        return lab

    yield open_page
    for context in contexts:
        context.close()


def await_layout(lab: Lab) -> None:
    """Wait until the front end has put everything where it was."""
    lab.page.wait_for_function("() => window.jupyterapp?.restored", timeout=LOAD_MS)
    lab.page.evaluate("() => jupyterapp.restored.then(() => true)")


def panel_of(lab: Lab) -> Locator:
    return lab.page.get_by_test_id("hitl-panel")


def card_in(where: Locator, request_id: str) -> Locator:
    return where.locator(f"[data-testid='hitl-card'][data-request-id='{request_id}']")


def notebook_with_card(server: JupyterProcess, name: str, *events: dict[str, Any]) -> str:
    """Write a long notebook in which one cell far below shows the cards of some requests."""
    path = server.root / name
    write_notebook(path, [f"print({number})" for number in range(40)])
    notebook = json.loads(path.read_text())
    notebook["cells"][30]["outputs"] = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                MIME_TYPE: {"request_id": event["request_id"], "event": event},
                "text/plain": "a card",
            },
        }
        for event in events
    ]
    path.write_text(json.dumps(notebook))
    return str(path)


def test_the_tab_and_the_status_bar_count_and_open_the_panel_which_stays_open(
    desk: Desk, open_shell: OpenShell
) -> None:
    lab = open_shell()
    status = lab.page.get_by_test_id("hitl-status")
    expect(status).to_have_text("0 waiting for you", timeout=LOAD_MS)
    expect(status).to_be_hidden()
    desk.ask("counted 1")
    desk.ask("counted 2")
    expect(status).to_have_text("2 waiting for you", timeout=LOAD_MS)
    expect(status).to_be_visible()
    expect(lab.page.get_by_title("Crews waiting for you (2)")).to_contain_text("2")
    status.click()
    expect(card_in(panel_of(lab), "counted 1")).to_be_visible(timeout=CARD_MS)
    lab.page.evaluate(_UNTIL_SAVED_OPEN)
    lab.reload()
    expect(card_in(panel_of(lab), "counted 1")).to_be_visible(timeout=LOAD_MS)
    desk.answer("counted 1")
    desk.answer("counted 2")
    expect(status).to_be_hidden(timeout=CARD_MS)


def test_a_question_leads_to_the_cell_that_asks_it(
    desk: Desk, open_shell: OpenShell, inbox_server: JupyterProcess
) -> None:
    path = str(inbox_server.root / "long.ipynb")
    desk.ask("far below", source={"notebook": path, "crew_name": "Notes"})
    notebook_with_card(inbox_server, "long.ipynb", desk.request("far below"))
    lab = open_shell()
    lab.command("crewai-hitl:open-panel")
    item = panel_of(lab).locator("[data-testid='hitl-item'][data-request-id='far below']")
    item.get_by_test_id("hitl-notebook").click(timeout=CARD_MS)
    card = card_in(lab.page.locator(".jp-Notebook"), "far below")
    expect(card).to_be_focused(timeout=CARD_MS)
    expect(card).to_be_in_viewport()


def test_the_next_pending_request_is_a_command_away(desk: Desk, open_shell: OpenShell) -> None:
    desk.ask("next 1")
    desk.ask("next 2")
    lab = open_shell()
    expect(lab.page.get_by_test_id("hitl-status")).to_have_text(
        "2 waiting for you", timeout=LOAD_MS
    )
    lab.command("crewai-hitl:next-pending")
    expect(card_in(panel_of(lab), "next 1")).to_be_focused(timeout=CARD_MS)
    lab.command("crewai-hitl:next-pending")
    expect(card_in(panel_of(lab), "next 2")).to_be_focused()
    lab.page.keyboard.press("k")
    expect(card_in(panel_of(lab), "next 1")).to_be_focused()
    commands = "() => jupyterapp.commands.listCommands().filter(c => c.startsWith('crewai-hitl:'))"
    assert set(lab.page.evaluate(commands)) == {
        "crewai-hitl:next-pending",
        "crewai-hitl:open-inbox",
        "crewai-hitl:open-panel",
    }


def test_the_settings_editor_sets_what_cards_and_the_panel_do(
    desk: Desk, open_shell: OpenShell
) -> None:
    lab = open_shell()
    desk.ask("set")
    lab.command("crewai-hitl:open-panel")
    panel_of(lab).get_by_test_id("hitl-open-settings").click(timeout=LOAD_MS)
    editor = lab.page.locator(".jp-SettingsForm")
    seconds = editor.locator("[id$='_undoSeconds']")
    seconds.fill("0", timeout=CARD_MS)
    side = editor.locator("[id$='_side']")
    side.select_option(label="left")
    left = lab.page.locator("#jp-left-stack [data-testid='hitl-panel']")
    expect(left).to_have_count(1, timeout=CARD_MS)
    kept = "() => localStorage.getItem('crewai-hitl/undo-ms') === '0'"
    lab.page.wait_for_function(kept)
    side.select_option(label="right")
    seconds.fill("3")
    expect(left).to_have_count(0, timeout=CARD_MS)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_panel_breaks_no_rule_of_wcag(desk: Desk, open_shell: OpenShell, theme: str) -> None:
    context = "# Draft\n\nWords with `code` and a [link](https://example.org)."
    desk.ask(f"ruled {theme}", context=context, reason_flags={"review": True})
    desk.ask(f"ended {theme}")
    desk.answer(f"ended {theme}", human_feedback="Shorter")
    lab = open_shell()
    lab.use_theme(f"JupyterLab {theme}")
    lab.command("crewai-hitl:open-panel")
    expect(card_in(panel_of(lab), f"ruled {theme}")).to_be_visible(timeout=CARD_MS)
    found = {"pending": violations(lab.page, ".chitl-panel")}
    panel_of(lab).get_by_test_id("hitl-tab-history").click()
    entry = panel_of(lab).locator(f"[data-testid='hitl-entry'][data-request-id='ended {theme}']")
    entry.locator("summary").click()
    expect(entry.get_by_test_id("hitl-trail")).to_contain_text("Feedback sent")
    found["history"] = violations(lab.page, ".chitl-panel")
    found["status"] = violations(lab.page, ".chitl-status")
    assert found == {"pending": [], "history": [], "status": []}


def test_jupyter_notebook_has_the_panel_in_its_side_area(
    desk: Desk, open_shell: OpenShell, inbox_server: JupyterProcess
) -> None:
    path = str(inbox_server.root / "classic.ipynb")
    desk.ask("in notebook", source={"notebook": path})
    notebook_with_card(inbox_server, "classic.ipynb", desk.request("in notebook"))
    lab = open_shell("notebooks/classic.ipynb")
    lab.await_kernel()
    lab.command("crewai-hitl:open-panel")
    card = card_in(panel_of(lab), "in notebook")
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled(timeout=CARD_MS)
