"""``ask()``: asks a person a question from code and returns their answer.

It enables the bridge, asks, and returns the caller's own value: a text, an option or a filled
form. If the form's own rules reject an answer that the server accepted, it asks again with the
form as the person filled it. It uses ``ask/answer_types.py``, ``asking.py`` and the session;
``public/human_tool.py`` uses it.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, overload

from crewai.agents.agent_builder.base_agent_executor import BaseAgentExecutor
from crewai.flow.flow_context import current_flow_method_name, current_flow_name
from typing_extensions import Unpack

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.ask.answer_types import (
    AnswerType,
    Typed,
    answer_type_of,
    error_list,
    errors_of,
)
from crewai_hitl_nb.kernel.ask.forms import WrongValues
from crewai_hitl_nb.kernel.ask.frames import EditedFrame
from crewai_hitl_nb.kernel.ask.row_decisions import RowDecision
from crewai_hitl_nb.kernel.asking import Asker, NotAnswered, is_the_default
from crewai_hitl_nb.kernel.files import downloading
from crewai_hitl_nb.kernel.questions.context import bounded, under
from crewai_hitl_nb.kernel.questions.question import Asking, new_question
from crewai_hitl_nb.kernel.questions.rendering import NOTHING, Rendered, as_json, rendered
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, OnExpiry, Terms
from crewai_hitl_nb.kernel.screens.plain_console import PlainConsole
from crewai_hitl_nb.kernel.tasks.tool_calls import asking_in_a_tool_call, current_tool_call
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired, Round
from crewai_hitl_nb.protocol.files import in_words
from crewai_hitl_nb.tracebacks import short_traceback, short_traceback_async

_Rounds: TypeAlias = Generator[HumanInputRequired, HumanInputCompleted, Any]
_T = TypeVar("_T")


class _Rest(TypedDict, total=False):
    """The arguments that every type of answer allows; see :func:`ask`."""

    context: Any
    default: Any
    timeout: Seconds | None
    remind_after: Seconds | None
    on_expiry: OnExpiry | None
    reason_flags: str | Iterable[str]
    assignee: str | None


@dataclass(frozen=True)
class Question:
    """A question with everything that the caller specified.

    Attributes:
        prompt: The question's text.
        answer_type: The type of answer.
        context: The background that a person needs to answer.
        terms: How long the question may wait.
        reason_flags: Why a person is needed.
        assignee: Who should answer.
    """

    prompt: str
    answer_type: AnswerType
    context: Rendered = NOTHING
    terms: Terms = NO_TERMS
    reason_flags: tuple[str, ...] = ()
    assignee: str | None = None

    @classmethod
    def of(
        cls,
        prompt: str,
        answer_type: AnswerType,
        context: Any,
        terms: Terms,
        reason_flags: str | Iterable[str],
        assignee: str | None,
    ) -> "Question":
        """Return a question from the arguments of :func:`ask`. Raises the same errors."""
        if not arguments.text("prompt", prompt).strip():
            raise ValueError("prompt is blank; it must contain the question")
        flags = arguments.flags("reason_flags", reason_flags)
        assignee = arguments.text_or_none("assignee", assignee)
        default = terms.default
        if default is not None:
            terms = replace(terms, default=answer_type.default(default))
            if isinstance(answer_type, Typed | EditedFrame):
                answer_type = answer_type.filled_with(default)
        return cls(prompt, answer_type, rendered(context), terms, flags, assignee)

    def rounds(self, asker: Asker | PlainConsole) -> _Rounds:
        """Yield the question, again while the answer is not valid; return the caller's value.

        Raises:
            NotAnswered: The default is not valid, and asking again would not change it.
        """
        answer_type, history, errors = self.answer_type, list[Round](), ""
        while True:
            question = new_question(
                asker.waiter,
                _who_asks(),
                "question",
                prompt=self.prompt,
                context=under(self.context.text, [("What is not valid", errors)]),
                attachments=self.context.attachments,
                response=answer_type.response(),
                terms=self.terms.over(asker.terms),
                reason_flags=self.reason_flags,
                assignee=self.assignee,
                history=bounded(history),
                round_=len(history) + 1,
            )
            answer = yield question
            try:
                with downloading(asker.download(question.request_id)):
                    return answer_type.read(answer)
            except WrongValues as refusal:
                if is_the_default(answer):
                    reason = f"nobody answered, and the default is not valid: {refusal}"
                    raise NotAnswered(reason, "expired") from refusal
                wrong = errors_of(refusal)
                errors = error_list(wrong)
                history.append(Round(draft=errors, feedback=as_json(in_words(answer.values or {}))))
                answer_type = answer_type.refilled(answer, wrong)


@overload
def ask(
    prompt: str, *, options: Iterable[_T], multiple: Literal[False] = ..., **rest: Unpack[_Rest]
) -> _T: ...
@overload
def ask(
    prompt: str, *, options: Iterable[_T], multiple: Literal[True], **rest: Unpack[_Rest]
) -> list[_T]: ...
@overload
def ask(prompt: str, *, schema: type[_T], **rest: Unpack[_Rest]) -> _T: ...
@overload
def ask(prompt: str, *, schema: Mapping[str, Any], **rest: Unpack[_Rest]) -> dict[str, Any]: ...
@overload
def ask(prompt: str, **rest: Unpack[_Rest]) -> str: ...
@overload
def ask(prompt: str, *, rows: Any, **rest: Unpack[_Rest]) -> list[RowDecision]: ...
@overload
def ask(
    prompt: str,
    *,
    options: Iterable[Any] | None = ...,
    multiple: bool = ...,
    schema: Any = ...,
    rows: Any = ...,
    **rest: Unpack[_Rest],
) -> Any: ...
@short_traceback
def ask(  # noqa: PLR0913 - keyword arguments of a public function
    prompt: str,
    *,
    options: Iterable[Any] | None = None,
    multiple: bool = False,
    schema: Any = None,
    rows: Any = None,
    context: Any = "",
    default: Any = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    reason_flags: str | Iterable[str] = (),
    assignee: str | None = None,
) -> Any:
    """Ask a person a question and wait for the answer.

    Blocks the calling thread, as ``input()`` does; asynchronous code awaits :func:`ask_async`.
    Works in a cell, a script, a thread, a tool and a flow. Enables the bridge if it is off. In a
    script without a server, the question appears at the console and has no deadline.

    Args:
        prompt: The question's text.
        options: Values to choose from.
        multiple: Whether several options may be chosen.
        schema: A typed form instead of options: a pydantic model, another type that pydantic
            reads from an object, or a JSON Schema. A form has texts, numbers, dates, booleans,
            ``Literal`` and ``Enum``, files (:class:`File`), models within the model, and lists of
            these. Or a :class:`File` or a list of files alone. Or a data frame of pandas or
            polars, whose rows a person edits; or its columns, as a list of names or a mapping of
            names to Python types.
        rows: Rows to approve or reject one by one: a data frame, or a list of dicts, models or
            other values. At most 200.
        context: The background that a person needs to answer: Markdown, a dict or a list, a
            model, a data frame, a figure, a :class:`File` or a ``pathlib.Path``, captured outputs
            of a notebook, or a dict or list of these.
        default: The answer if the deadline passes: a text, an option or a list of options, an
            instance of the model or a dict of values. It also prefills a form.
        timeout: Time until the deadline, in seconds or as a ``timedelta``; None for no deadline.
        remind_after: Time until a reminder is sent, in seconds or as a ``timedelta``.
        on_expiry: What happens at the deadline: ``fail``, ``default`` (implied by giving a
            default) or ``wait``.
        reason_flags: Why a person is needed, e.g. ``["missing_field"]``; a single text is one flag.
        assignee: Who should answer.

    Returns:
        The text of the answer. With ``options``: the chosen option, or a list if ``multiple``.
        With ``schema``: an instance of the type, a dict of values for a JSON Schema, or a data
        frame. With ``rows``: a :class:`RowDecision` for each of them.

    Raises:
        NotAnswered: Nobody answered; its ``ending`` says how the question ended.
        ValueError: The question cannot be asked; the message names the field and what to do.
        WrongArgument: An argument has the wrong type.
    """
    terms = Terms.of(timeout, remind_after, on_expiry, default)
    answer_type = answer_type_of(options, multiple, schema, rows)
    return ask_question(Question.of(prompt, answer_type, context, terms, reason_flags, assignee))


@overload
async def ask_async(
    prompt: str, *, options: Iterable[_T], multiple: Literal[False] = ..., **rest: Unpack[_Rest]
) -> _T: ...
@overload
async def ask_async(
    prompt: str, *, options: Iterable[_T], multiple: Literal[True], **rest: Unpack[_Rest]
) -> list[_T]: ...
@overload
async def ask_async(prompt: str, *, schema: type[_T], **rest: Unpack[_Rest]) -> _T: ...
@overload
async def ask_async(
    prompt: str, *, schema: Mapping[str, Any], **rest: Unpack[_Rest]
) -> dict[str, Any]: ...
@overload
async def ask_async(prompt: str, **rest: Unpack[_Rest]) -> str: ...
@overload
async def ask_async(prompt: str, *, rows: Any, **rest: Unpack[_Rest]) -> list[RowDecision]: ...
@overload
async def ask_async(
    prompt: str,
    *,
    options: Iterable[Any] | None = ...,
    multiple: bool = ...,
    schema: Any = ...,
    rows: Any = ...,
    **rest: Unpack[_Rest],
) -> Any: ...
@short_traceback_async
async def ask_async(  # noqa: PLR0913 - keyword arguments of a public function
    prompt: str,
    *,
    options: Iterable[Any] | None = None,
    multiple: bool = False,
    schema: Any = None,
    rows: Any = None,
    context: Any = "",
    default: Any = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    reason_flags: str | Iterable[str] = (),
    assignee: str | None = None,
) -> Any:
    """Ask a person a question without blocking the event loop; the same as :func:`ask`."""
    terms = Terms.of(timeout, remind_after, on_expiry, default)
    answer_type = answer_type_of(options, multiple, schema, rows)
    return await ask_question_async(
        Question.of(prompt, answer_type, context, terms, reason_flags, assignee)
    )


def ask_question(question: Question) -> Any:
    """Ask and wait, in a thread. Raises the same errors as :func:`ask`."""
    with asking_in_a_tool_call():
        asker, emitter = _asker(), _who_asks().agent
        rounds = question.rounds(asker)
        asked = next(rounds)
        while True:
            answer = asker.ask(asked, emitter, question.context.files)
            try:
                asked = rounds.send(answer)
            except StopIteration as end:
                return end.value


async def ask_question_async(question: Question) -> Any:
    """Ask and wait, on an event loop. Raises the same errors as :func:`ask`."""
    with asking_in_a_tool_call():
        asker, emitter = _asker(), _who_asks().agent
        rounds = question.rounds(asker)
        asked = next(rounds)
        while True:
            answer = await asker.ask_async(asked, emitter, question.context.files)
            try:
                asked = rounds.send(answer)
            except StopIteration as end:
                return end.value


def _asker() -> Asker | PlainConsole:
    return session().asker() or PlainConsole()


def _who_asks() -> Asking:
    """Return who asks: the agent that calls a tool, else the running flow, else nobody."""
    call = current_tool_call()
    if call is not None:
        # A tool name means a tool that waits for approval; here the tool itself asks.
        return replace(call.who, tool_name=None)
    flow, method = current_flow_name.get(), current_flow_method_name.get()
    executors = BaseAgentExecutor.__subclasses__()  # crewAI runs every agent as one of these flows
    if flow is None or flow in (executor.__name__ for executor in executors):
        return Asking()
    is_an_agents = any(hasattr(executor, method) for executor in executors)
    return Asking(flow_name=flow, task=None if is_an_agents else method)
