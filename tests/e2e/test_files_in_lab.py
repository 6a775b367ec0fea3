"""Files in the cards of a real JupyterLab and Notebook 7, asked for by their kernel."""

import json
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect

from crewai_hitl_nb.client import Client
from tests.e2e.conftest import OpenLab
from tests.e2e.lab import CARD_MS
from tests.e2e.test_files import CSV, choose, drop_from_desktop, middle, saved, sheet

TRIP = """\
import pathlib, pydantic
import crewai_hitl_nb as hitl
pathlib.Path("report.csv").write_bytes(b"a,b")
class Trip(pydantic.BaseModel):
    invoice: hitl.File
    scans: list[hitl.File] = []
trip = await hitl.ask_async("The trip?", schema=Trip, context=pathlib.Path("report.csv"))
print("got", trip.invoice.text(), [scan.name for scan in trip.scans])
"""


@pytest.mark.parametrize("shell", ["lab", "notebook"])
def test_files_of_a_cell_are_sent_shown_and_kept(
    open_lab: OpenLab, shell: str, tmp_path: Path
) -> None:
    name = f"trip-{shell}.ipynb"
    lab = open_lab(name, [TRIP])
    if shell == "notebook":
        lab.open_in_notebook_7(name)
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-choose-file")).to_have_count(2, timeout=CARD_MS)
    assert saved(lab.page, card) == ("report.csv", b"a,b")
    around = sorted(path.name for path in lab.server.root.iterdir())
    cells = lab.cells().count()
    path = tmp_path / "dropped.csv"
    path.write_bytes(CSV)
    drop_from_desktop(lab.page, path, *middle(card.get_by_test_id("hitl-title")))
    invoice = card.get_by_test_id("hitl-field-invoice")
    expect(invoice).to_contain_text("dropped.csv uploaded, 15 bytes", timeout=CARD_MS)
    choose(card.get_by_test_id("hitl-field-scans"), sheet("a.png", b"", ""), sheet("ש.txt", b"2"))
    expect(card.get_by_test_id("hitl-file-item")).to_have_count(3)
    expect(card).to_contain_text("ש.txt uploaded, 1 byte", timeout=CARD_MS)
    assert sorted(path.name for path in lab.server.root.iterdir()) == around
    assert lab.cells().count() == cells
    card.get_by_test_id("hitl-send").click()
    answered = lab.await_card("answered")
    expect(lab.outputs().last).to_contain_text("Mon,3\n ['a.png', 'ש.txt']", timeout=CARD_MS)
    assert saved(lab.page, answered.get_by_test_id("hitl-record")) == ("dropped.csv", CSV)
    lab.save()
    text = json.dumps(json.loads((lab.server.root / name).read_text()), ensure_ascii=False)
    assert "dropped.csv (15 bytes)" in text
    assert "a.png (0 bytes)" in text


def test_an_answer_from_elsewhere_ends_a_field_with_files(open_lab: OpenLab) -> None:
    lab = open_lab("elsewhere.ipynb", [TRIP])
    lab.run_all()
    card = lab.await_card("pending")
    choose(card.get_by_test_id("hitl-field-invoice"), sheet("mine.csv"))
    invoice = card.get_by_test_id("hitl-field-invoice")
    expect(invoice).to_contain_text("mine.csv uploaded, 15 bytes", timeout=CARD_MS)
    with Client(lab.server.prefix, lab.server.token) as client:
        (request,) = client.pending()
        file = client.upload(request.request_id, b"other", name="other.csv")
        values = {"invoice": msgspec.to_builtins(file), "scans": []}
        client.answer(request.request_id, values=values)
    answered = lab.await_card("answered")
    assert saved(lab.page, answered.get_by_test_id("hitl-record")) == ("other.csv", b"other")
    expect(answered).to_contain_text("mine.csv")
