"""A notebook asks by itself: a typed form and a gate, from the cell to the card and back."""

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import OpenLab
from tests.e2e.notes import Notes

FORM = """\
import crewai_hitl_nb as hitl
from datetime import date
from pydantic import BaseModel, Field, field_validator

class Load(BaseModel):
    rows: int = Field(ge=1)
    start: date

    @field_validator("start")
    @classmethod
    def before_the_freeze(cls, start):
        if start.day > 26:
            raise ValueError("changes are frozen")
        return start

load = hitl.ask("How shall it be loaded?", schema=Load)
note("asked", repr(load))
"""

GATE = """\
import crewai_hitl_nb as hitl
from crewai import Agent, Crew, Task
from crewai.tools import tool
from scripted_agent import ScriptedAgent

@tool("Delete file")
def delete_file(path: str) -> str:
    "Delete a file."
    note("deleted", path)
    return "deleted " + path

llm = ScriptedAgent(model="scripted", calls=[("delete_file", {"path": "drafts/*"})])
keeper = Agent(role="Keeper", goal="-", backstory="-", llm=llm, tools=[delete_file])
task = Task(description="Tidy up", expected_output="Order", agent=keeper)
with hitl.approve_tools("delete_*"):
    result = Crew(agents=[keeper], tasks=[task]).kickoff()
note("finished", result)
"""


def field(card: Locator, name: str) -> Locator:
    """Return the input of a form's field."""
    return card.get_by_test_id(f"hitl-field-{name}").locator("input, textarea").first


def test_a_form_comes_back_with_what_the_model_refused(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("form.ipynb", [notes.cell, FORM])
    lab.run_all()
    card = lab.await_card("pending")
    field(card, "rows").fill("500")
    field(card, "start").fill("2026-11-30")
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")
    again = lab.await_card("pending")
    expect(again.get_by_test_id("hitl-context")).to_contain_text("changes are frozen")
    expect(field(again, "rows")).to_have_value("500")
    field(again, "start").fill("2026-11-23")
    again.get_by_test_id("hitl-send").click()

    asked = notes.await_note("asked").detail
    assert asked == "Load(rows=500, start=datetime.date(2026, 11, 23))"
    lab.await_card("answered", count=2)


def test_a_tool_runs_with_the_arguments_that_a_person_changed(
    open_lab: OpenLab, notes: Notes
) -> None:
    lab = open_lab("gate.ipynb", [notes.cell, GATE])
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-context")).to_contain_text("drafts/*")
    card.get_by_test_id("hitl-edit").click()
    expect(field(card, "path")).to_have_value("drafts/*")
    field(card, "path").fill("drafts/old.txt")
    card.get_by_test_id("hitl-send").click()

    assert notes.await_note("deleted").detail == "drafts/old.txt"
    assert "deleted drafts/old.txt" in notes.await_note("finished").detail
    lab.await_card("answered")


def test_a_refused_call_is_not_run_and_the_agent_hears_why(open_lab: OpenLab, notes: Notes) -> None:
    lab = open_lab("refused.ipynb", [notes.cell, GATE])
    lab.run_all()
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-feedback").fill("They are still needed")
    card.get_by_test_id("hitl-reject").click()

    said = notes.await_note("finished").detail
    assert "They are still needed" in said
    assert "deleted" not in said
    lab.await_card("answered")
