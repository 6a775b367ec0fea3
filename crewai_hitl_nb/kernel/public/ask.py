"""``ask()``: a person as a function.

Turns the bridge on, asks, and returns the asker's own value: a text, an option, a filled
form. Where a form's own rules refuse what the server let through, it asks again with the
form as it was filled. Below it are ``ask/answer_types.py``, ``asking.py`` and the session; above it
is ``public/human_tool.py``.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, overload

from crewai.agents.agent_builder.base_agent_executor import BaseAgentExecutor
from crewai.flow.flow_context import current_flow_method_name, current_flow_name
from typing_extensions import Unpack

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.ask.answer_types import Typed, Wanted, errors_of, errors_said, wanted_of
from crewai_hitl_nb.kernel.ask.forms import WrongValues
from crewai_hitl_nb.kernel.asking import Asker, NotAnswered, is_the_default
from crewai_hitl_nb.kernel.questions.context import bounded, under
from crewai_hitl_nb.kernel.questions.question import Asking, new_question
from crewai_hitl_nb.kernel.questions.rendering import as_json, as_markdown
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, OnExpiry, Terms
from crewai_hitl_nb.kernel.screens.plain_console import PlainConsole
from crewai_hitl_nb.kernel.tasks.tool_calls import asking_in_a_tool_call, current_tool_call
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired, Round

_Rounds: TypeAlias = Generator[HumanInputRequired, HumanInputCompleted, Any]
_T = TypeVar("_T")


class _Rest(TypedDict, total=False):
    """What may be said besides, whatever kind of answer is wanted; see :func:`ask`."""

    context: Any
    default: Any
    timeout: Seconds | None
    remind_after: Seconds | None
    on_expiry: OnExpiry | None
    reason_flags: str | Iterable[str]
    assignee: str | None


@dataclass(frozen=True)
class Question:
    """All that an asker said.

    Attributes:
        prompt: What is asked.
        wanted: The kind of answer.
        context: What one needs to answer, as Markdown.
        terms: How long it may wait.
        reason_flags: Why a person is needed.
        assignee: Who should answer.
    """

    prompt: str
    wanted: Wanted
    context: str = ""
    terms: Terms = NO_TERMS
    reason_flags: tuple[str, ...] = ()
    assignee: str | None = None

    @classmethod
    def of(
        cls,
        prompt: str,
        wanted: Wanted,
        context: Any,
        terms: Terms,
        reason_flags: str | Iterable[str],
        assignee: str | None,
    ) -> "Question":
        """Return a question from what :func:`ask` was given. Raises as it."""
        if not arguments.text("prompt", prompt).strip():
            raise ValueError("the prompt is blank: say what is asked")
        flags = arguments.flags("reason_flags", reason_flags)
        assignee = arguments.text_or_none("assignee", assignee)
        default = terms.default
        if default is not None:
            terms = replace(terms, default=wanted.default(default))
            if isinstance(wanted, Typed):
                wanted = wanted.filled_with(default)
        return cls(prompt, wanted, as_markdown(context), terms, flags, assignee)

    def rounds(self, asker: Asker | PlainConsole) -> _Rounds:
        """Yield the question, and again while the answer does not fit; return the value.

        Raises:
            NotAnswered: What does not fit is the default, which nobody can mend.
        """
        wanted, history, errors = self.wanted, list[Round](), ""
        while True:
            answer = yield new_question(
                asker.waiter,
                _who_asks(),
                "question",
                prompt=self.prompt,
                context=under(self.context, [("What did not fit", errors)]),
                response=wanted.response(),
                terms=self.terms.over(asker.terms),
                reason_flags=self.reason_flags,
                assignee=self.assignee,
                history=bounded(history),
                round_=len(history) + 1,
            )
            try:
                return wanted.read(answer)
            except WrongValues as refusal:
                if is_the_default(answer):
                    reason = f"nobody answered, and the default does not fit: {refusal}"
                    raise NotAnswered(reason, "expired") from refusal
                errors = errors_said(errors_of(refusal))
                history.append(Round(draft=errors, feedback=as_json(answer.values or {})))
                wanted = wanted.refilled(answer)


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
def ask(
    prompt: str,
    *,
    options: Iterable[Any] | None = ...,
    multiple: bool = ...,
    schema: Any = ...,
    **rest: Unpack[_Rest],
) -> Any: ...
def ask(  # noqa: PLR0913 - options of a public call, by name
    prompt: str,
    *,
    options: Iterable[Any] | None = None,
    multiple: bool = False,
    schema: Any = None,
    context: Any = "",
    default: Any = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    reason_flags: str | Iterable[str] = (),
    assignee: str | None = None,
) -> Any:
    """Ask a person and wait for their answer.

    Blocks the calling thread as ``input()`` does; asynchronous code awaits
    :func:`ask_async`. Works in a cell, a script, a thread, a tool, a flow; the bridge is
    turned on if it is off. In a script without any server the console asks, and no deadline
    is kept.

    Args:
        prompt: What is asked.
        options: What to choose from.
        multiple: Whether several options may be chosen.
        schema: A typed form instead: a pydantic model, another type that pydantic reads
            from an object, or a JSON Schema. Flat: texts, numbers, dates, true or false,
            ``Literal`` and ``Enum``, ``list[Literal[...]]``.
        context: What one needs to answer: Markdown, a dict or a list, a model, a data frame.
        default: The answer at the deadline; in a form also what it is filled with. A text,
            an option or a list of them, an instance of the model or a dict of values.
        timeout: Seconds, or a ``timedelta``, until the deadline; None for none.
        remind_after: Seconds, or a ``timedelta``, until those who look are told again.
        on_expiry: At the deadline: ``fail``, ``default`` (the usual, where there is one) or
            ``wait``.
        reason_flags: Why a person is needed, e.g. ``["missing_field"]``; one text is one flag.
        assignee: Who should answer.

    Returns:
        A text; with ``options`` the chosen one, or a list with ``multiple``; with a
        ``schema`` an instance of the type, or a dict of values for a JSON Schema.

    Raises:
        NotAnswered: Nobody answered; its ``ending`` says how it ended.
        ValueError: It cannot be asked so; the message names the field and what to do.
        WrongArgument: An argument is of the wrong kind.
    """
    terms = Terms.of(timeout, remind_after, on_expiry, default)
    wanted = wanted_of(options, multiple, schema)
    return ask_question(Question.of(prompt, wanted, context, terms, reason_flags, assignee))


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
async def ask_async(
    prompt: str,
    *,
    options: Iterable[Any] | None = ...,
    multiple: bool = ...,
    schema: Any = ...,
    **rest: Unpack[_Rest],
) -> Any: ...
async def ask_async(  # noqa: PLR0913 - options of a public call, by name
    prompt: str,
    *,
    options: Iterable[Any] | None = None,
    multiple: bool = False,
    schema: Any = None,
    context: Any = "",
    default: Any = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    reason_flags: str | Iterable[str] = (),
    assignee: str | None = None,
) -> Any:
    """Do the same as :func:`ask` without blocking the loop."""
    terms = Terms.of(timeout, remind_after, on_expiry, default)
    wanted = wanted_of(options, multiple, schema)
    return await ask_question_async(
        Question.of(prompt, wanted, context, terms, reason_flags, assignee)
    )


def ask_question(question: Question) -> Any:
    """Ask and wait, in a thread. Raises as :func:`ask`."""
    with asking_in_a_tool_call():
        asker, emitter = _asker(), _who_asks().agent
        rounds = question.rounds(asker)
        asked = next(rounds)
        while True:
            answer = asker.ask(asked, emitter)
            try:
                asked = rounds.send(answer)
            except StopIteration as end:
                return end.value


async def ask_question_async(question: Question) -> Any:
    """Ask and wait, on a loop. Raises as :func:`ask`."""
    with asking_in_a_tool_call():
        asker, emitter = _asker(), _who_asks().agent
        rounds = question.rounds(asker)
        asked = next(rounds)
        while True:
            answer = await asker.ask_async(asked, emitter)
            try:
                asked = rounds.send(answer)
            except StopIteration as end:
                return end.value


def _asker() -> Asker | PlainConsole:
    return session().asker() or PlainConsole()


def _who_asks() -> Asking:
    """Return who asks: the agent whose tool it is, or the flow around, or nobody known."""
    call = current_tool_call()
    if call is not None:
        return replace(call.who, tool_name=None)  # that one is to be allowed; this one asks
    flow, method = current_flow_name.get(), current_flow_method_name.get()
    executors = BaseAgentExecutor.__subclasses__()  # one is a flow, and every agent is run by it
    if flow is None or flow in (executor.__name__ for executor in executors):
        return Asking()
    is_an_agents = any(hasattr(executor, method) for executor in executors)
    return Asking(flow_name=flow, task=None if is_an_agents else method)
