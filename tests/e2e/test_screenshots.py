"""What a card looks like, in both themes: into test-results/, and into docs/images on request."""

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenLab
from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.notes import Notes
from tests.jupyter_process import REPOSITORY

RESULTS = REPOSITORY / "test-results"
IMAGES = REPOSITORY / "docs" / "images"


def folders() -> list[Path]:
    chosen = [RESULTS, IMAGES] if os.environ.get("UPDATE_IMAGES") else [RESULTS]
    for folder in chosen:
        folder.mkdir(parents=True, exist_ok=True)
    return chosen


@pytest.mark.parametrize(
    ("theme", "name"), [("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")]
)
def test_a_card_is_drawn_in_the_theme(
    open_lab: OpenLab, notes: Notes, theme: str, name: str
) -> None:
    lab = open_lab(f"{name}.ipynb", [notes.cell, CREW, KICKOFF])
    lab.use_theme(theme)
    lab.run_all()
    card = lab.await_card("pending")
    card.scroll_into_view_if_needed()
    for folder in folders():
        lab.page.screenshot(path=folder / f"card-{name}.png")
    card.get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    lab.await_card("answered").scroll_into_view_if_needed()
    for folder in folders():
        lab.page.screenshot(path=folder / f"record-{name}.png")
