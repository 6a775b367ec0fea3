"""The quickstart's card in both themes: drawn, answered, and pictured.

Pictures go to `test-results/`; with `UPDATE_IMAGES` set, the README's goes to `docs/images/`, too.
"""

import json
import os
import shutil

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import OpenLab
from tests.jupyter_process import REPOSITORY

RESULTS = REPOSITORY / "test-results"
IMAGES = REPOSITORY / "docs" / "images"
README_PICTURE = "card-light.png"


def quickstart_cells() -> list[str]:
    notebook = json.loads((REPOSITORY / "notebooks" / "quickstart.ipynb").read_text())
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def picture(subject: Locator, name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    subject.screenshot(path=RESULTS / name)
    if os.environ.get("UPDATE_IMAGES") and name == README_PICTURE:
        IMAGES.mkdir(exist_ok=True)
        shutil.copy(RESULTS / name, IMAGES / name)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_quickstart_is_answered_in_the_theme(open_lab: OpenLab, theme: str) -> None:
    lab = open_lab(f"quickstart-{theme}.ipynb", quickstart_cells())
    lab.use_theme(f"JupyterLab {theme}")
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled()
    cell = lab.page.locator(".jp-Notebook-cell").last
    picture(cell, f"card-{theme.lower()}.png")
    card.get_by_test_id("hitl-feedback").fill("Shorter, and start with the cost.")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    lab.await_card("answered", count=2)
    expect(lab.outputs().last).to_contain_text("start with the cost")
    picture(cell, f"record-{theme.lower()}.png")
