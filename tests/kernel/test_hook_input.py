"""`context.request_human_input()` of crewAI's hooks: cards, and what a hook gets back."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crewai.hooks import (
    HookAborted,
    InterceptionPoint,
    get_hooks,
    register_hook,
    unregister_hook,
)
from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question
from tests.kernel.test_gates import CALL, DeleteTool
from tests.kernel.tool_crews import WAYS, started, tool_crew

pytestmark = pytest.mark.usefixtures("bridge")


@contextmanager
def hooked(point: InterceptionPoint, hook: Callable[[Any], Any]) -> Iterator[None]:
    """Have a hook of the user's for the length of a `with` block."""
    register_hook(point, hook)
    try:
        yield
    finally:
        unregister_hook(point, hook)


@contextmanager
def hooked_crew(
    point: InterceptionPoint,
    hook: Callable[[Any], Any],
    way: str,
    calls: list[Any],
    *tools: Any,
) -> Iterator[Any]:
    """Run a crew of tool calls, with the user's hook, for the length of a `with` block."""
    with hooked(point, hook), tool_crew(way, calls, *tools) as crew, started(crew):
        yield crew


def approval_hook(context: ToolCallHookContext) -> bool | None:
    """crewAI's own example."""
    said = context.request_human_input(
        prompt="Allow file deletion?", default_message="Type 'approve' to continue:"
    )
    return None if said.lower() == "approve" else False


@pytest.mark.parametrize("way", WAYS)
def test_approve_becomes_the_word_that_the_hook_expects(way: str, client: Client) -> None:
    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, approval_hook, way, [CALL], tool) as crew:
        question = next_question(client)
        client.answer(question.request_id, decision="approve")
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]
    assert question.kind == "tool_approval"
    assert question.prompt == "Allow file deletion?"
    assert question.response.decisions == ("approve", "reject", "respond")
    assert "Type 'approve' to continue:" in question.context
    assert '"path": "/tmp/a"' in question.context


def test_approve_becomes_the_word_in_the_prompt_if_the_hook_has_no_message(client: Client) -> None:
    def hook(context: ToolCallHookContext) -> bool | None:
        asked = f"Run {context.tool_name} with {context.tool_input}? (yes/no)"
        return None if context.request_human_input(prompt=asked) == "yes" else False

    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, hook, "react", [CALL], tool) as crew:
        client.answer(next_question(client).request_id, decision="approve")
        crew.result.result()

    assert tool.paths == ["/tmp/a"]


def test_a_hook_that_blocks_an_approved_call_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(context: ToolCallHookContext) -> bool | None:
        return None if context.request_human_input("Sure?") == "open sesame" else False

    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, hook, "react", [CALL], tool) as crew:
        client.answer(next_question(client).request_id, decision="approve")
        crew.result.result()

    assert tool.paths == []
    assert "approved the call of delete_file, but a hook blocked it" in caplog.text


@pytest.mark.parametrize("way", WAYS)
def test_reject_blocks_whatever_the_hook_expects(way: str, client: Client) -> None:
    def hook(context: ToolCallHookContext) -> bool | None:
        context.request_human_input("Sure?", "Type anything:")
        return None

    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, hook, way, [CALL], tool) as crew:
        client.answer(next_question(client).request_id, "Not today", decision="reject")
        assert crew.result.result() == "Done"

    assert tool.paths == []
    assert "Not today" in crew.heard()[-1]


def test_text_reaches_the_hook_as_it_was_typed(client: Client) -> None:
    said = []

    def hook(context: ToolCallHookContext) -> None:
        said.append(context.request_human_input("Comment?"))

    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, hook, "react", [CALL], tool) as crew:
        client.answer(next_question(client).request_id, "Mind the gap")
        crew.result.result()

    assert said == ["Mind the gap"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["withdrawn", "disabled"])
def test_a_hook_that_got_no_answer_ends_the_run(way: str, end: str, client: Client) -> None:
    tool = DeleteTool()
    with hooked_crew(
        InterceptionPoint.PRE_TOOL_CALL, approval_hook, way, [CALL, CALL], tool
    ) as crew:
        question = next_question(client)
        if end == "withdrawn":
            client.cancel(question.request_id)
        else:
            hitl.disable()
        with pytest.raises(HookAborted):
            crew.result.result()

    assert tool.paths == []
    assert len(crew.heard()) == 1
    assert client.pending() == []


def test_a_hook_from_before_enable_ends_the_run_as_well(
    server: JupyterProcess, client: Client
) -> None:
    hitl.disable()
    tool = DeleteTool()
    with hooked(InterceptionPoint.PRE_TOOL_CALL, approval_hook):
        hitl.enable(server.prefix, server.token)
        with tool_crew("native", [CALL, CALL], tool) as crew, started(crew):
            client.cancel(next_question(client).request_id)
            with pytest.raises(HookAborted):
                crew.result.result()

    assert tool.paths == []
    assert len(crew.heard()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_hook_after_the_call_shows_the_result_and_may_replace_it(
    way: str, client: Client
) -> None:
    def hook(context: ToolCallHookContext) -> str | None:
        return context.request_human_input("Is this fine?") or None

    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.POST_TOOL_CALL, hook, way, [CALL], tool) as crew:
        question = next_question(client)
        client.answer(question.request_id, "say that it was archived")
        assert crew.result.result() == "Done"

    assert "deleted /tmp/a" in question.context
    assert question.response.decisions == ("approve", "respond")
    assert "say that it was archived" in crew.heard()[-1]


def model_hook(context: LLMCallHookContext) -> bool | None:
    """Ask before a model is called."""
    said = context.request_human_input("Call the model?", "Type 'no' to skip, or press Enter:")
    return False if said == "no" else None


@pytest.mark.parametrize("way", WAYS)
def test_a_model_call_waits_for_approval(way: str, client: Client) -> None:
    with hooked_crew(InterceptionPoint.PRE_MODEL_CALL, model_hook, way, []) as crew:
        question = next_question(client)
        assert crew.heard() == []
        client.answer(question.request_id, decision="approve")
        assert crew.result.result() == "Done"

    assert question.kind == "llm_approval"
    assert question.response.decisions == ("approve", "reject", "respond")
    assert question.source.agent_role == "Keeper"
    assert "Tidy up" in question.context
    assert "**Model** `" in question.context


@pytest.mark.parametrize("way", WAYS)
def test_a_refused_model_call_ends_the_run_with_the_reason(way: str, client: Client) -> None:
    with hooked_crew(InterceptionPoint.PRE_MODEL_CALL, model_hook, way, []) as crew:
        client.answer(next_question(client).request_id, "Too dear", decision="reject")
        with pytest.raises(HookAborted, match="Too dear"):
            crew.result.result()

    assert crew.heard() == []
    assert client.pending() == []


def test_disabling_puts_crewais_own_methods_and_hooks_back() -> None:
    hitl.disable()

    for kind in (ToolCallHookContext, LLMCallHookContext):
        assert kind.request_human_input.__module__.startswith("crewai.")
        assert not hasattr(kind.request_human_input, "__wrapped__")
    for point in InterceptionPoint:
        assert get_hooks(point) == []


def test_without_a_server_the_hook_asks_on_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hitl.disable()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO("approve\n"))
    hitl.enable()
    tool = DeleteTool()
    with hooked_crew(InterceptionPoint.PRE_TOOL_CALL, approval_hook, "react", [CALL], tool) as crew:
        assert crew.result.result() == "Done"

    assert tool.paths == ["/tmp/a"]


def test_approving_a_model_call_gives_the_hook_the_word_in_its_prompt(client: Client) -> None:
    def hook(context: LLMCallHookContext) -> bool | None:
        return None if context.request_human_input("Call it? Reply yes") == "yes" else False

    with hooked_crew(InterceptionPoint.PRE_MODEL_CALL, hook, "react", []) as crew:
        client.answer(next_question(client).request_id, decision="approve")
        assert crew.result.result() == "Done"
