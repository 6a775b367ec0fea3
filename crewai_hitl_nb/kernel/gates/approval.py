"""Builds the questions that ask a person to allow a tool call or a model call.

Pure: it converts the context that crewAI passes to its hooks to the protocol's event. The hooks'
input and the gates use it; it uses ``questions/question.py``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.tools.structured_tool import strip_composite_description_prefix

from crewai_hitl_nb.kernel.questions.context import bounded, cut, fenced, under
from crewai_hitl_nb.kernel.questions.question import Asking, Waiter, new_question
from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Decision, GatedCall, HumanInputRequired, Response, Round

_PART_CHARS: Final = limits.MAX_CONTEXT_CHARS // 8
"""The limit for a tool's description, and for each message to a model."""

_CODE_CHARS: Final = limits.MAX_CONTEXT_CHARS // 4
"""The limit for the arguments, and for a result."""

_LAST_MESSAGES: Final = 3
"""How many messages of a model call are shown: the agent's request is at the end."""


def tool_question(  # noqa: PLR0913 - the parts of one question, by name
    context: ToolCallHookContext,
    who: Asking,
    waiter: Waiter,
    terms: Terms,
    *,
    prompt: str = "",
    more: Iterable[tuple[str, str]] = (),
    response: Response | None = None,
    history: Sequence[Round] = (),
    assignee: str | None = None,
    call: GatedCall | None = None,
) -> HumanInputRequired:
    """Return the question whether a tool may be called, or whether its result is accepted.

    Args:
        context: crewAI's description of the call.
        who: Who calls the tool.
        waiter: This process.
        terms: How long the question may wait.
        prompt: The question's text; by default, whether the agent may call the tool.
        more: Further details, as titles and texts.
        response: Which answers are acceptable, instead of the usual ones.
        history: The earlier rounds.
        assignee: Who should answer.
        call: The call as rules compare it, if a rule may allow it.
    """
    return new_question(
        waiter,
        who,
        "tool_approval",
        prompt=prompt.strip() or f"May {who.role or 'the agent'} call {context.tool_name}?",
        context=under(_tool_call(context), _about(who, more)),
        response=response or Response(decisions=_tool_decisions(context)),
        terms=terms,
        assignee=assignee,
        history=bounded(history),
        round_=len(history) + 1,
        call=call,
    )


def model_question(
    context: LLMCallHookContext,
    waiter: Waiter,
    terms: Terms,
    *,
    prompt: str = "",
    more: Iterable[tuple[str, str]] = (),
) -> HumanInputRequired:
    """Return the question whether a model may be called, or whether its response is accepted.

    Args:
        context: crewAI's description of the call.
        waiter: This process.
        terms: How long the question may wait.
        prompt: The question's text; by default, whether the agent may call its model.
        more: Further details, as titles and texts.
    """
    who = Asking(crew=context.crew, task=context.task, agent=context.agent)
    return new_question(
        waiter,
        who,
        "llm_approval",
        prompt=prompt.strip() or f"May {who.role or 'the agent'} call its language model?",
        context=under(_model_call(context), _about(who, more)),
        response=Response(decisions=("approve", "reject", "respond")),
        terms=terms,
    )


def _about(who: Asking, more: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Return the details to show beside the call, as titles and texts."""
    task = getattr(who.task, "description", None) or ""
    return (*more, ("Task", task), ("Agent", who.agent_details))


def _tool_decisions(context: ToolCallHookContext) -> tuple[Decision, ...]:
    """Return the possible decisions: a result can be accepted or replaced, not refused."""
    if context.tool_result is not None:
        return ("approve", "respond")
    return ("approve", "reject", "respond")


def _tool_call(context: ToolCallHookContext) -> str:
    """Return the call as Markdown: name, description, all arguments, and the result if any."""
    description = getattr(context.tool, "description", None) or ""
    parts = [
        f"**Tool** `{context.tool_name}`",
        cut(strip_composite_description_prefix(description).strip(), _PART_CHARS),
        "**Arguments**",
        fenced(as_json(context.tool_input), "json", _CODE_CHARS),
    ]
    if context.tool_result is not None:
        parts += ["**Result**", fenced(str(context.tool_result), "", _CODE_CHARS)]
    return "\n\n".join(part for part in parts if part)


def _model_call(context: LLMCallHookContext) -> str:
    """Return the call as Markdown: model, iteration, last messages, and the response if any."""
    model = getattr(context.llm, "model", None) or context.llm or "unknown"
    parts = [f"**Model** `{model}`, iteration {context.iterations}"]
    left_out = len(context.messages) - _LAST_MESSAGES
    if left_out > 0:
        parts.append(f"*({left_out} earlier messages are not shown)*")
    for message in context.messages[-_LAST_MESSAGES:]:
        parts += [f"**{message.get('role', 'message')}**", _message(message)]
    if context.response is not None:
        parts += ["**Response**", fenced(str(context.response), "", _CODE_CHARS)]
    return "\n\n".join(parts)


def _message(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return fenced(content, "", _PART_CHARS)
    shown = content if content is not None else message.get("tool_calls")
    return fenced(as_json(shown), "json", _PART_CHARS)
