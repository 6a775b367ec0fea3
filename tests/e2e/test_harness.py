"""The harness itself: a plain notebook runs in a real JupyterLab."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenLab


def test_a_cell_runs_and_shows_its_output(open_lab: OpenLab) -> None:
    lab = open_lab("plain.ipynb", ["print(6 * 7)"])
    lab.run_all()
    expect(lab.outputs()).to_have_text("42")
