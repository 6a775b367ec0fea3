"""`approve_tools()`: a tool runs only when a person allows it, in both ways of calling tools."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from crewai.hooks import (
    HookAborted,
    InterceptionPoint,
    clear_all_hooks,
    get_hooks,
    register_hook,
    unregister_hook,
)
from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr, field_validator

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.gates.gates import Gate
from crewai_hitl_nb.protocol.events import Decision
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.tool_crews import WAYS, Running, started, tool_crew


class Filter(BaseModel):
    """A nested argument."""

    older_than: int = 0


class DeleteArguments(BaseModel):
    """What the tool below takes."""

    path: str = Field(description="Which file")
    depth: int = 1
    filter: Filter | None = None

    @field_validator("path")
    @classmethod
    def keep_the_root(cls, path: str) -> str:
        """Refuse what no form can know."""
        if path == "/":
            raise ValueError("the root stays")
        return path


class DeleteTool(BaseTool):
    """Deletes nothing, but says so."""

    name: str = "Delete File"
    description: str = "Delete a file for good"
    args_schema: type[BaseModel] = DeleteArguments
    _deleted: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    def _run(self, **arguments: Any) -> str:
        self._deleted.append(arguments)
        return f"deleted {arguments['path']}"

    @property
    def paths(self) -> list[str]:
        """What it was told to delete."""
        return [call["path"] for call in self._deleted]


pytestmark = pytest.mark.usefixtures("bridge")
CALL = ("delete_file", {"path": "/tmp/a"})


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_waits_for_approval_and_then_runs(way: str, client: Client) -> None:
    tool = DeleteTool()
    with (
        hitl.approve_tools(["delete_*"]),
        tool_crew(way, [CALL], tool) as crew,
        started(crew),
    ):
        question = next_question(client)
        assert tool.paths == []
        client.answer(question.request_id, decision="approve")
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]
    assert question.kind == "tool_approval"
    assert question.source.tool_name == "delete_file"
    assert question.source.agent_role == "Keeper"
    assert question.source.crew_name == "Keepers"
    assert question.reason_flags == {"approval": True}
    assert '"path": "/tmp/a"' in question.context
    assert "Delete a file for good" in question.context


@pytest.mark.parametrize("way", WAYS)
def test_a_rejected_call_is_blocked_and_the_agent_is_told_why(way: str, client: Client) -> None:
    tool = DeleteTool()
    with hitl.approve_tools("delete_*"), tool_crew(way, [CALL], tool) as crew, started(crew):
        client.answer(next_question(client).request_id, "It is still needed", decision="reject")
        assert crew.result.result() == "Done"

    assert tool.paths == []
    assert "It is still needed" in crew.heard()[-1]


@pytest.mark.parametrize("way", WAYS)
def test_edited_arguments_are_the_ones_that_run(way: str, client: Client) -> None:
    tool = DeleteTool()
    with hitl.approve_tools("delete_*"), tool_crew(way, [CALL], tool) as crew, started(crew):
        question = next_question(client)
        form = question.response.schema
        assert form is not None
        assert form["properties"]["path"]["default"] == "/tmp/a"
        assert form["required"] == ["path"]
        values = {"path": "/tmp/b", "depth": 3, "filter": '{"older_than": 7}'}
        client.answer(question.request_id, decision="edit", values=values)
        assert crew.result.result() == "Done"

    (ran,) = tool._deleted
    assert (ran["path"], ran["depth"], ran["filter"]["older_than"]) == ("/tmp/b", 3, 7)


def test_edits_that_do_not_fit_the_tool_are_asked_about_again(client: Client) -> None:
    tool = DeleteTool()
    with hitl.approve_tools("delete_*"), tool_crew("react", [CALL], tool) as crew, started(crew):
        first = next_question(client)
        values = {"path": "/tmp/c", "filter": "no JSON"}
        client.answer(first.request_id, decision="edit", values=values)
        second = next_question(client)
        client.answer(second.request_id, decision="edit", values={"path": "/", "filter": "{}"})
        third = next_question(client)
        client.answer(third.request_id, decision="edit", values={"path": "/tmp/d"})
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/d"]
    assert "`filter`: is not valid JSON" in second.context
    assert second.response.decisions == ("reject", "edit")  # approve would run what was changed
    assert second.response.schema["properties"]["path"]["default"] == "/tmp/c"  # type: ignore[index]
    assert "the root stays" in third.context
    assert (first.round, second.round, third.round) == (1, 2, 3)


@pytest.mark.parametrize("way", WAYS)
def test_an_approval_that_expires_ends_the_run(way: str, client: Client) -> None:
    tool = DeleteTool()
    with (
        hitl.approve_tools("delete_*", timeout=0.2),
        tool_crew(way, [CALL, CALL, CALL], tool) as crew,
        started(crew),
        pytest.raises(hitl.NotAnswered) as ended,
    ):
        crew.result.result()

    assert ended.value.ending == "expired"
    assert tool.paths == []
    assert len(crew.heard()) == 1  # the agent was neither told to go on nor run again
    (*_, expired) = client.requests(status="expired")
    assert len(client.requests(execution_id=expired.execution_id)) == 1


def test_a_default_edit_that_does_not_fit_the_tool_ends_the_run(client: Client) -> None:
    """Asked again, the same default would come at the next deadline, and so on for ever."""
    tool, values = DeleteTool(), {"path": "/", "depth": 1}
    with (
        hitl.approve_tools("delete_*", timeout=0.2, default={"decision": "edit", "values": values}),
        tool_crew("react", [CALL], tool) as crew,
        started(crew),
        pytest.raises(hitl.NotAnswered, match="the root stays") as ended,
    ):
        crew.result.result()

    assert ended.value.ending == "expired"
    assert tool.paths == []


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawn_approval_ends_the_run(way: str, client: Client) -> None:
    tool = DeleteTool()
    with (
        hitl.approve_tools("delete_*"),
        tool_crew(way, [CALL, CALL], tool) as crew,
        started(crew),
    ):
        client.cancel(next_question(client).request_id)
        with pytest.raises(hitl.NotAnswered):
            crew.result.result()

    assert tool.paths == []
    assert len(crew.heard()) == 1


def test_a_gate_that_fails_blocks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = DeleteTool()
    gate = hitl.approve_tools("delete_*")
    monkeypatch.setattr("crewai_hitl_nb.kernel.gates.gates._Decision.make", lambda self: 1 / 0)
    with (
        gate,
        tool_crew("native", [CALL], tool) as crew,
        started(crew),
        pytest.raises(HookAborted, match="the gate before delete_file failed"),
    ):
        crew.result.result()

    assert tool.paths == []


def test_a_gate_survives_that_all_hooks_were_cleared(client: Client) -> None:
    tool = DeleteTool()
    with hitl.approve_tools("delete_*"):
        clear_all_hooks()
        with tool_crew("react", [CALL], tool) as crew, started(crew):
            client.answer(next_question(client).request_id, decision="reject")
            assert crew.result.result() == "Done"

    assert tool.paths == []


def test_a_removed_gate_stops_nothing(client: Client) -> None:
    tool = DeleteTool()
    gate = hitl.approve_tools("delete_*")
    gate.remove()
    gate.remove()
    with tool_crew("react", [CALL], tool) as crew, started(crew):
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]


@pytest.mark.parametrize("pattern", ["Delete *", "delete_file", "DELETE*", "Delete File"])
def test_patterns_match_a_tool_by_either_of_its_names(pattern: str, client: Client) -> None:
    tool = DeleteTool()
    with hitl.approve_tools([pattern]), tool_crew("native", [CALL], tool) as crew, started(crew):
        client.answer(next_question(client).request_id, decision="reject")
        crew.result.result()

    assert tool.paths == []


def test_other_tools_and_other_agents_are_left_alone(client: Client) -> None:
    tool = DeleteTool()
    with (
        hitl.approve_tools("read_*"),
        hitl.approve_tools("delete_*", agents=["Somebody else"]),
        tool_crew("react", [CALL], tool) as crew,
        started(crew),
    ):
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]


def test_a_person_sees_the_arguments_that_other_hooks_leave(client: Client) -> None:
    def narrow(context: ToolCallHookContext) -> None:
        context.tool_input["path"] = "/tmp/a/b"

    tool = DeleteTool()
    with hitl.approve_tools("delete_*"), tool_crew("native", [CALL], tool) as crew:
        register_hook(InterceptionPoint.PRE_TOOL_CALL, narrow)
        try:
            with started(crew):
                question = next_question(client)
                client.answer(question.request_id, decision="approve")
                crew.result.result()
        finally:
            unregister_hook(InterceptionPoint.PRE_TOOL_CALL, narrow)

    assert '"path": "/tmp/a/b"' in question.context
    assert tool.paths == ["/tmp/a/b"]
    assert get_hooks(InterceptionPoint.PRE_TOOL_CALL) != []  # ours; the gate itself is gone
    assert not any(isinstance(hook, Gate) for hook in get_hooks(InterceptionPoint.PRE_TOOL_CALL))


def test_arguments_that_are_too_large_for_a_form_can_still_be_refused(client: Client) -> None:
    tool = DeleteTool()
    call = ("delete_file", {"path": "/tmp/" + "a" * 200_000})
    with hitl.approve_tools("delete_*"), tool_crew("native", [call], tool) as crew, started(crew):
        question = next_question(client)
        client.answer(question.request_id, decision="reject")
        crew.result.result()

    assert question.response.decisions == ("approve", "reject")
    assert question.response.schema is None
    assert "cut here" in question.context
    assert tool.paths == []


def test_two_gates_ask_once_about_one_call(client: Client) -> None:
    tool = DeleteTool()
    with (
        hitl.approve_tools("delete_*"),
        hitl.approve_tools("*", agents=["Keep*"]),
        tool_crew("react", [CALL], tool) as crew,
        started(crew),
    ):
        client.answer(next_question(client).request_id, decision="approve")
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]


@contextmanager
def two_calls_at_once() -> Iterator[tuple[DeleteTool, Running]]:
    """Run a crew whose agent calls a gated tool with "a" and, beside that, with "b"."""
    tool = DeleteTool()
    both = [("delete_file", {"path": "a"}), ("delete_file", {"path": "b"})]
    with (
        hitl.approve_tools("delete_*"),
        tool_crew("native", both, tool, at_once=True) as crew,
        started(crew),
    ):
        yield tool, crew


def test_parallel_calls_are_each_asked_about(client: Client) -> None:
    with two_calls_at_once() as (tool, crew):
        for _ in range(2):
            question = next_question(client)
            decision: Decision = "approve" if '"a"' in question.context else "reject"
            client.answer(question.request_id, decision=decision)
        assert crew.result.result() == "Done"

    assert tool.paths == ["a"]


def test_of_parallel_calls_one_without_an_answer_ends_the_others(client: Client) -> None:
    with two_calls_at_once() as (tool, crew):
        asked = client.events(types=["human_input_required"], replay="pending")
        first, second = (str(getattr(next(asked), "request_id", "")) for _ in range(2))
        client.cancel(first)
        with pytest.raises(hitl.NotAnswered):
            crew.result.result()

    assert tool.paths == []
    assert wait_until_closed(client, second).status == "cancelled"


@pytest.mark.parametrize("nothing", [[], "", [" "]])
def test_a_gate_needs_a_pattern(nothing: Any) -> None:
    with pytest.raises(ValueError, match="at least one pattern"):
        hitl.approve_tools(nothing)
