"""Forms with parts and rows, in a real browser: filled, refused in a cell, and answered."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.axe import violations
from tests.e2e.conftest import OpenLab
from tests.e2e.inbox import CARD_MS, Desk, OpenInbox
from tests.e2e.notes import Notes
from tests.e2e.test_card import ask, completion

GUEST = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "price": {"type": "string", "format": "decimal", "minimum": 0},
        "seat": {"type": ["integer", "string"]},
        "arrives": {"type": "string", "format": "time-local", "default": "02:30:00"},
        "meal": {"type": "string", "enum": ["fish", "beans"]},
        "smoker": {"type": "boolean", "default": False},
    },
    "required": ["name", "price"],
}
PARTY: dict[str, Any] = {
    "kind": "question",
    "response": {
        "decisions": ["respond"],
        "schema": {
            "type": "object",
            "properties": {
                "host": {**GUEST, "title": "Host"},
                "guests": {
                    "type": "array",
                    "items": GUEST,
                    "default": [
                        {"name": "Ada", "price": "12.50", "arrives": "10:00:00.5"},
                        {"name": "Bo", "price": "3"},
                    ],
                },
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                "rooms": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "beds": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                },
            },
            "required": ["guests"],
        },
    },
}

CELL = """\
import crewai_hitl_nb as hitl
import datetime as dt
from decimal import Decimal
from pydantic import BaseModel, field_validator

class Stop(BaseModel):
    city: str
    at: dt.time = dt.time(2, 30)
    fare: Decimal

    @field_validator("city")
    @classmethod
    def reached(cls, city):
        if city == "Atlantis":
            raise ValueError("no train goes there")
        return city

class Trip(BaseModel):
    stops: list[Stop]

trip = hitl.ask("Which way?", schema=Trip)
note("asked", repr(trip))
"""


FRAME = """\
import crewai_hitl_nb as hitl
import pandas as pd

seats = pd.DataFrame({"city": ["Bern", "Basel"], "seats": [10, 20], "window": [True, False]})
edited = hitl.ask("How many?", schema=seats.astype({"seats": "int16"}))
note("asked", f"{edited.to_dict('list')} {edited['seats'].dtype}")
"""


ROWS = """\
import crewai_hitl_nb as hitl

refunds = [{"id": 1, "customer": "Ada"}, {"id": 2, "customer": "Bo"}]
decisions = hitl.ask("Which refunds shall be paid?", rows=refunds)
note("asked", repr([(one.row["id"], one.approved, one.reason) for one in decisions]))
"""


def row(card: Locator, list_name: str, number: int) -> Locator:
    """Return one row of a list, from 1."""
    return (
        card.get_by_test_id(f"hitl-field-{list_name}").get_by_test_id("hitl-unit").nth(number - 1)
    )


def cell(card: Locator, list_name: str, number: int, column: str) -> Locator:
    """Return the input of one cell."""
    found = row(card, list_name, number).get_by_test_id(f"hitl-field-{column}")
    return found.locator("input, select, textarea").first


def test_rows_are_changed_added_and_removed_and_the_rest_goes_back_as_it_came(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    card = ask(desk, open_inbox(), "parts-rows", PARTY)
    expect(cell(card, "guests", 1, "name")).to_have_value("Ada")
    cell(card, "guests", 2, "name").fill("")
    cell(card, "guests", 2, "seat").fill("12")
    cell(card, "guests", 2, "seat").press("Enter")
    expect(cell(card, "guests", 3, "name")).to_be_focused()
    cell(card, "guests", 3, "name").fill("Cy")
    cell(card, "guests", 3, "price").fill("-1")
    cell(card, "guests", 3, "seat").fill("window")
    cell(card, "guests", 3, "smoker").check()
    tags = card.get_by_test_id("hitl-field-tags")
    tags.get_by_test_id("hitl-add-row").click()
    tags.locator("input").first.fill("family")
    card.get_by_test_id("hitl-send").click()

    expect(cell(card, "guests", 2, "name")).to_have_attribute("aria-invalid", "true")
    wrong = row(card, "guests", 3).get_by_test_id("hitl-field-price")
    expect(wrong).to_contain_text("must be at least 0")
    expect(cell(card, "guests", 2, "name")).to_be_focused()
    cell(card, "guests", 3, "price").fill("1.50")
    expect(wrong).not_to_contain_text("must be")
    expect(row(card, "guests", 2)).to_contain_text("is required")
    row(card, "guests", 2).get_by_test_id("hitl-remove-row").click()
    expect(card.get_by_role("button", name="Remove row 2")).to_be_focused()
    card.get_by_test_id("hitl-send").click()

    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "parts-rows")["values"] == {
        "guests": [
            {"name": "Ada", "price": "12.50", "arrives": "10:00:00.5"},
            {
                "name": "Cy",
                "price": "1.50",
                "seat": "window",
                "arrives": "02:30:00",
                "smoker": True,
            },
        ],
        "tags": ["family"],
    }
    expect(card.get_by_test_id("hitl-values")).to_contain_text("name: Cy, price: 1.50")


def test_a_part_is_left_out_or_filled_and_a_draft_of_it_survives_a_reload(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    card = ask(desk, inbox, "parts-draft", PARTY)
    host = card.get_by_test_id("hitl-field-host")
    host.get_by_test_id("hitl-fill-in").check()
    host.get_by_test_id("hitl-field-name").locator("input").fill("Zoe")
    rooms = card.get_by_test_id("hitl-field-rooms")
    rooms.get_by_test_id("hitl-add-row").click()
    rooms.get_by_test_id("hitl-field-beds").get_by_test_id("hitl-add-row").click()
    rooms.get_by_test_id("hitl-field-beds").locator("input").first.fill("wide")
    inbox.page.reload()
    expect(host.get_by_test_id("hitl-field-name").locator("input")).to_have_value("Zoe")
    host.get_by_test_id("hitl-field-price").locator("input").fill("0.10")
    card.get_by_test_id("hitl-send").click()

    expect(card).to_have_attribute("data-status", "answered")
    values = completion(desk, "parts-draft")["values"]
    assert values["host"]["price"] == "0.10"
    assert values["rooms"] == [{"beds": ["wide"]}]
    assert len(values["guests"]) == 2


def test_a_block_of_a_spreadsheet_is_pasted_as_cells(desk: Desk, open_inbox: OpenInbox) -> None:
    card = ask(desk, open_inbox(), "parts-paste", PARTY)
    cell(card, "guests", 2, "name").evaluate(
        """cell => {
          const data = new DataTransfer();
          data.setData('text/plain', 'Eve\\t7\\t3\\nFay\\t8.25\\taisle\\n');
          const paste = { clipboardData: data, bubbles: true, cancelable: true };
          cell.dispatchEvent(new ClipboardEvent('paste', paste));
        }"""
    )
    expect(cell(card, "guests", 3, "name")).to_have_value("Fay")
    card.get_by_test_id("hitl-send").click()

    expect(card).to_have_attribute("data-status", "answered")
    guests = completion(desk, "parts-paste")["values"]["guests"]
    assert guests[1:] == [
        {"name": "Eve", "price": "7", "seat": 3},
        {"name": "Fay", "price": "8.25", "seat": "aisle", "arrives": "02:30:00", "smoker": False},
    ]


def test_where_the_script_cannot_be_fetched_parts_are_written_as_json(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.page.route("**/form.js*", lambda route: route.abort())
    card = ask(desk, inbox, "parts-json", PARTY)
    guests = card.get_by_role("textbox", name="guests (JSON)")
    guests.fill('[{"name": "Ada"}')
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-field-guests")).to_contain_text("is not valid JSON")
    guests.fill('[{"name": "Ada"}]')
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-field-guests")).to_contain_text("0.price: is required")
    guests.fill('[{"name": "Ada", "price": "1"}]')
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "parts-json")["values"] == {"guests": [{"name": "Ada", "price": "1"}]}


def test_what_a_model_refuses_is_said_in_the_cell_of_the_row(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("trip.ipynb", [notes.cell, CELL])
    lab.run_all()
    card = lab.await_card("pending")
    for number, (city, fare) in enumerate([("Bern", "7.10"), ("Atlantis", "9")], 1):
        card.get_by_test_id("hitl-add-row").click()
        cell(card, "stops", number, "city").fill(city)
        cell(card, "stops", number, "fare").fill(fare)
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    again = lab.await_card("pending")
    expect(row(again, "stops", 2).get_by_test_id("hitl-field-city")).to_contain_text(
        "no train goes there"
    )
    expect(cell(again, "stops", 1, "fare")).to_have_value("7.10")
    cell(again, "stops", 2, "city").fill("Basel")
    expect(row(again, "stops", 2)).not_to_contain_text("no train")
    again.get_by_test_id("hitl-send").click()

    asked = notes.await_note("asked").detail
    assert asked == (
        "Trip(stops=[Stop(city='Bern', at=datetime.time(2, 30), fare=Decimal('7.10')), "
        "Stop(city='Basel', at=datetime.time(2, 30), fare=Decimal('9'))])"
    )


def test_a_data_frame_is_edited_in_place_and_comes_back(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("frame.ipynb", [notes.cell, FRAME])
    lab.run_all()
    card = lab.await_card("pending")
    cell(card, "rows", 2, "seats").fill("many")
    cell(card, "rows", 2, "window").check()
    cell(card, "rows", 2, "seats").press("Enter")
    cell(card, "rows", 3, "city").fill("Chur")
    cell(card, "rows", 3, "window").select_option("No")
    card.get_by_test_id("hitl-send").click()
    expect(row(card, "rows", 2)).to_contain_text("must be a whole number")
    cell(card, "rows", 2, "seats").fill("25")
    cell(card, "rows", 3, "seats").fill("7")
    row(card, "rows", 1).get_by_test_id("hitl-remove-row").click()
    card.get_by_test_id("hitl-send").click()

    assert notes.await_note("asked").detail == (
        "{'city': ['Basel', 'Chur'], 'seats': [25, 7], 'window': [True, False]} int16"
    )


def test_rows_are_approved_and_rejected_one_by_one(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("rows.ipynb", [notes.cell, ROWS])
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-add-row")).to_have_count(0)
    expect(row(card, "rows", 2)).to_contain_text("Bo")
    card.get_by_test_id("hitl-send").click()
    expect(row(card, "rows", 1)).to_contain_text("is required")
    card.get_by_role("button", name="All approve").click()
    row(card, "rows", 2).get_by_text("reject").click()
    row(card, "rows", 2).get_by_role("textbox", name="Reason, row 2").fill("Too much")
    assert violations(lab.page, "[data-testid='hitl-card']") == []
    card.get_by_test_id("hitl-send").click()

    assert notes.await_note("asked").detail == "[(1, True, ''), (2, False, 'Too much')]"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_a_form_with_parts_breaks_no_rule_and_not_its_width(
    desk: Desk, open_inbox: OpenInbox, scheme: str, width: int
) -> None:
    inbox = open_inbox(color_scheme=scheme, viewport={"width": width, "height": 900})
    request_id = f"parts-{scheme}-{width}"
    card = ask(desk, inbox, request_id, PARTY)
    card.get_by_test_id("hitl-fill-in").check()
    cell(card, "guests", 1, "name").fill("")
    card.get_by_test_id("hitl-field-rooms").get_by_test_id("hitl-add-row").click()
    card.get_by_test_id("hitl-send").click()
    expect(row(card, "guests", 1)).to_contain_text("is required")
    assert violations(inbox.page, f"[data-request-id='{request_id}']") == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert inbox.page.evaluate(overflow) == 0


def test_the_keys_for_the_next_card_pass_over_the_rows_of_a_form(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("keys-0", **PARTY)
    desk.ask("keys-1")
    inbox = open_inbox()
    expect(row(inbox.card("keys-0"), "guests", 1)).to_be_visible(timeout=CARD_MS)
    inbox.page.keyboard.press("j")
    inbox.page.keyboard.press("j")
    expect(inbox.card("keys-1")).to_be_focused()
