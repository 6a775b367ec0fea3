"""What the documents show: each place to answer, in both themes, and one answer from end to end.

Everything is drawn, and where it says so answered, on a real server in a real browser. The pictures
go to `test-results/`; `make screenshots` keeps those of the documents (`camera.py`).
"""

import json
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.e2e.camera import DOCUMENTED, IMAGES, Film, picture
from tests.e2e.conftest import OpenLab
from tests.e2e.inbox import Desk, OpenInbox
from tests.e2e.lab import CARD_MS, Lab
from tests.jupyter_process import REPOSITORY

MOST_BYTES = 3_000_000
MOST_CAPTURE_BYTES = 1_000_000

FEEDBACK = "Shorter, and start with the cost."
FORM = """\
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

import crewai_hitl_nb as hitl


class Load(BaseModel):
    table: Literal["orders", "customers"]
    since: date
    rows: int = Field(1000, le=100_000, description="At most so many")
    checks: list[Literal["duplicates", "missing values"]] = []
    dry_run: bool = True

"""
ASK_FORM = """\
load = hitl.ask("What shall we load tonight?", schema=Load, reason_flags=["missing_field"])
print(load)
"""

CALL = {
    "prompt": "May delete_rows be called?",
    "kind": "tool_approval",
    "reason_flags": {"approval": True},
    "context": '**delete_rows** — deletes rows of a table\n\n```json\n{"table": "orders_2023", '
    '"limit": 1000}\n```',
    "response": {
        "decisions": ["approve", "reject", "edit"],
        "schema": {
            "type": "object",
            "properties": {
                "table": {"type": "string", "default": "orders_2023"},
                "limit": {"type": "integer", "default": 1000},
            },
            "required": ["table", "limit"],
        },
    },
    "source": {
        "crew_name": "Clean-up",
        "task_name": "archive",
        "agent_role": "Database keeper",
        "tool_name": "delete_rows",
        "notebook": "clean-up.ipynb",
    },
}
OUTCOME = {
    "prompt": "Publish this release note?",
    "kind": "flow_feedback",
    "context": "Version 2.4 reads data frames twice as fast.",
    "response": {"decisions": ["respond"], "options": ["publish", "revise", "drop"]},
    "source": {"flow_name": "Releases", "task_name": "review", "notebook": "releases.ipynb"},
}
CHOICE = {
    "prompt": "Which table holds the orders?",
    "kind": "question",
    "reason_flags": {"ambiguity": True},
    "response": {"decisions": ["respond"], "options": ["orders", "orders_2024"]},
    "source": {"crew_name": "Night shift", "agent_role": "Reporter", "notebook": "nightly.ipynb"},
}

themes = pytest.mark.parametrize(
    "theme", ["Light", pytest.param("Dark", marks=pytest.mark.pictures)]
)


def quickstart_cells() -> list[str]:
    notebook = json.loads((REPOSITORY / "notebooks" / "quickstart.ipynb").read_text())
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def open_in_theme(open_lab: OpenLab, cells: list[str], theme: str) -> Lab:
    lab = open_lab("office.ipynb", cells)
    lab.use_theme(f"JupyterLab {theme}")
    return lab


def widen_the_panel(lab: Lab) -> None:
    """Close the file browser and draw the border of the right side bar to the left."""
    lab.command("application:toggle-left-area")
    expect(lab.page.locator("#jp-left-stack")).to_be_hidden()
    border = lab.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:visible").last
    border.hover()  # waits until the layout without the file browser stands still
    box = border.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.down()
    lab.page.mouse.move(x - 200, y, steps=4)
    lab.page.mouse.up()
    width = "() => document.querySelector('[data-testid=hitl-panel]').clientWidth > 400"
    lab.page.wait_for_function(width)


def run_to_the_card(lab: Lab) -> tuple[Locator, Locator]:
    """Run all cells; return the last cell and the card in it, when it can be answered."""
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-connection")).to_have_attribute("data-state", "live")
    return lab.page.locator(".jp-Notebook-cell").last, card


@themes
def test_the_quickstart_is_answered_in_the_theme(open_lab: OpenLab, theme: str) -> None:
    lab = open_in_theme(open_lab, quickstart_cells(), theme)
    cell, card = run_to_the_card(lab)
    picture(cell, f"card-{theme.lower()}.png")
    card.get_by_test_id("hitl-feedback").fill(FEEDBACK)
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    lab.await_card("answered", count=2)
    expect(lab.outputs().last).to_contain_text("start with the cost")
    picture(cell, f"record-{theme.lower()}.png")


@themes
def test_a_draft_is_edited_and_its_changes_are_marked(open_lab: OpenLab, theme: str) -> None:
    lab = open_in_theme(open_lab, quickstart_cells(), theme)
    cell, card = run_to_the_card(lab)
    card.get_by_test_id("hitl-edit").click()
    editor = card.get_by_test_id("hitl-editor")
    draft = editor.input_value()
    editor.fill(draft.replace("Three things stand out", "Two things matter"))
    expect(card.locator("ins").first).to_be_visible()
    picture(cell, f"edit-{theme.lower()}.png")
    editor.press("Control+Enter")
    lab.await_card("answered")
    expect(lab.outputs().last).to_contain_text("Two things matter")


@themes
def test_a_typed_form_gives_typed_values(open_lab: OpenLab, theme: str) -> None:
    lab = open_in_theme(open_lab, [FORM, ASK_FORM], theme)
    cell, card = run_to_the_card(lab)
    card.get_by_test_id("hitl-field-since").locator("input").first.fill("2026-11-01")
    card.get_by_test_id("hitl-field-table").get_by_text("orders").click()
    picture(cell, f"form-{theme.lower()}.png")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    expect(lab.outputs().last).to_contain_text("rows=1000")


@themes
def test_the_panel_stands_beside_the_notebook_that_waits(open_lab: OpenLab, theme: str) -> None:
    lab = open_in_theme(open_lab, quickstart_cells(), theme)
    lab.page.set_viewport_size({"width": 1300, "height": 800})
    lab.command("crewai-hitl:open-panel")
    expect(lab.page.get_by_test_id("hitl-panel")).to_be_visible()
    widen_the_panel(lab)
    _, card = run_to_the_card(lab)
    expect(card.get_by_test_id("hitl-accept")).to_be_visible()
    expect(lab.page.get_by_test_id("hitl-panel").get_by_test_id("hitl-card")).to_have_count(1)
    expect(lab.page.get_by_test_id("hitl-status")).to_be_visible()
    picture(lab.page, f"panel-{theme.lower()}.png")
    lab.interrupt()
    lab.await_card("cancelled")


@themes
def test_a_run_stands_in_the_notebook_with_its_question(open_lab: OpenLab, theme: str) -> None:
    cells = [*quickstart_cells()[:-1], "run = hitl.start(crew)", "print(run.result())"]
    lab = open_in_theme(open_lab, cells, theme)
    lab.run_all()
    run = lab.page.locator(".jp-Notebook [data-testid='hitl-run']")
    expect(run).to_have_attribute("data-status", "waiting", timeout=CARD_MS)
    card = run.get_by_test_id("hitl-card")
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled(timeout=CARD_MS)
    picture(run, f"run-{theme.lower()}.png")
    card.get_by_test_id("hitl-accept").click()
    expect(lab.outputs().last).to_contain_text("Three things stand out", timeout=CARD_MS)


def ask_three(desk: Desk, where: str) -> list[str]:
    """Ask what stands on the inbox page, the last one first."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("choice", CHOICE),
        ("outcome", OUTCOME),
        ("call", CALL),
    ]
    return [desk.ask(f"{name}-{where}", execution_id="run-1", **event) for name, event in asked]


@themes
def test_the_inbox_page_shows_what_waits(desk: Desk, open_inbox: OpenInbox, theme: str) -> None:
    *_, call = ask_three(desk, f"page-{theme}")
    inbox = open_inbox(color_scheme=theme.lower(), viewport={"width": 1100, "height": 1000})
    expect(inbox.hook("hitl-row")).to_have_count(3, timeout=CARD_MS)
    inbox.row(call).locator("[data-row]").click()
    expect(inbox.card(call).get_by_test_id("hitl-accept")).to_be_enabled(timeout=CARD_MS)
    picture(inbox.page, f"inbox-{theme.lower()}.png")
    picture(inbox.card(call), f"approval-{theme.lower()}.png")


@themes
def test_the_inbox_page_fits_a_phone(desk: Desk, open_inbox: OpenInbox, theme: str) -> None:
    *_, outcome, _call = ask_three(desk, f"phone-{theme}")
    inbox = open_inbox(color_scheme=theme.lower(), viewport={"width": 360, "height": 720})
    expect(inbox.hook("hitl-card")).to_have_count(3, timeout=CARD_MS)
    inbox.card(outcome).scroll_into_view_if_needed(timeout=CARD_MS)
    picture(inbox.page, f"phone-{theme.lower()}.png")


def test_a_question_is_asked_answered_and_the_crew_goes_on(open_lab: OpenLab) -> None:
    lab = open_in_theme(open_lab, quickstart_cells(), "Light")
    cell = lab.page.locator(".jp-Notebook-cell").last
    lab.page.set_viewport_size({"width": 1000, "height": 1600})
    film = Film(cell, height=720)
    film.take(1.2)
    cell, card = run_to_the_card(lab)
    film.take(2.5)
    feedback = card.get_by_test_id("hitl-feedback")
    for end in range(4, len(FEEDBACK) + 4, 4):
        feedback.fill(FEEDBACK[:end])
        film.take(0.2)
    film.take(0.6)
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    second = lab.await_card("pending")
    expect(second.get_by_test_id("hitl-context")).to_contain_text("start with the cost")
    film.take(2.5)
    accept = second.get_by_test_id("hitl-accept")
    accept.hover()
    film.take(1.8, bottom=True)
    accept.click()
    lab.await_card("answered", count=2)
    expect(lab.outputs().last).to_contain_text("start with the cost")
    lab.await_idle()
    film.take(4)
    path = film.save("capture.webp", width=800)
    assert path.stat().st_size < MOST_CAPTURE_BYTES
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) > len(FEEDBACK) // 4


def test_every_picture_of_the_documents_is_there_and_small() -> None:
    pictures = [path for path in IMAGES.iterdir() if path.suffix != ".svg"]  # a chart is drawn
    present = {path.name: path.stat().st_size for path in pictures}
    assert set(present) == DOCUMENTED
    assert sum(present.values()) < MOST_BYTES
    pages = "".join(path.read_text() for path in (REPOSITORY / "docs").glob("*.md"))
    named = {name.replace("-dark", "-light") for name in DOCUMENTED}
    assert {name for name in named if f"](images/{name})" not in pages} == set()
