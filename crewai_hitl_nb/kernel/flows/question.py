"""What a flow asks, as the question that people see.

Pure: from crewAI's objects to the protocol's event. Above it are ``flows/feedback.py``
(``@human_feedback``), ``flows/pause.py`` and ``flows/input.py`` (``Flow.ask()``); below is
``questions/question.py``. What a flow says about a question beyond its text stands in crewAI's
``metadata``; this file knows its words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.questions.context import under
from crewai_hitl_nb.kernel.questions.question import Asking, Waiter, new_question
from crewai_hitl_nb.kernel.questions.rendering import as_markdown
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Response

_TERMS: Final = ("timeout", "remind_after", "on_expiry", "default")


@dataclass(frozen=True)
class Wishes:
    """What ``metadata`` says about a question; every other key of it is the flow's own.

    Attributes:
        assignee: Who should answer.
        reason_flags: Why a person is needed.
        options: The texts to choose from, for ``Flow.ask()``.
        multiple: Whether several of them may be chosen.
        terms: How long it may wait.
    """

    assignee: str | None
    reason_flags: tuple[str, ...]
    options: tuple[str, ...] | None
    multiple: bool
    terms: Terms


def wishes_of(metadata: Mapping[str, Any] | None) -> Wishes:
    """Read what ``metadata`` says about a question.

    Raises:
        ValueError: A wish that is none; the message names it.
    """
    said = metadata or {}
    assignee = said.get("assignee")
    if assignee is not None and not isinstance(assignee, str):
        raise ValueError(f"metadata['assignee'] is a text, not {assignee!r}")
    options = said.get("options")
    return Wishes(
        assignee=assignee,
        reason_flags=_texts("reason_flags", said.get("reason_flags") or ()),
        options=None if options is None else _texts("options", options),
        multiple=bool(said.get("multiple", False)),
        terms=Terms(**{name: said.get(name) for name in _TERMS}),
    )


def feedback_question(
    context: PendingFeedbackContext, flow: Flow[Any], waiter: Waiter, terms: Terms
) -> HumanInputRequired:
    """Return the question of a step with ``@human_feedback``.

    Args:
        context: What crewAI says of the step.
        flow: The flow.
        waiter: This process.
        terms: How long a question may wait that says nothing about it.
    """
    wishes = wishes_of(context.metadata)
    return new_question(
        waiter,
        Asking(
            flow_name=name_of(flow), task=context.method_name, execution_id=context.execution_uuid
        ),
        "flow_feedback",
        prompt=context.message,
        context=under(_shown(context.method_output), _details(context)),
        response=_response(context),
        terms=wishes.terms.over(terms),
        reason_flags=wishes.reason_flags,
        assignee=wishes.assignee,
    )


def input_question(
    message: str, wishes: Wishes, flow: Flow[Any], method: str | None, waiter: Waiter
) -> HumanInputRequired:
    """Return the question of a ``Flow.ask()``; its terms are in the wishes."""
    response = Response(decisions=("respond",), options=wishes.options, multiple=wishes.multiple)
    return new_question(
        waiter,
        Asking(flow_name=name_of(flow), task=method),
        "question",
        prompt=message,
        response=response,
        terms=wishes.terms,
        reason_flags=wishes.reason_flags,
        assignee=wishes.assignee,
    )


def name_of(flow: Flow[Any]) -> str:
    """Return what people call the flow."""
    return flow.name or type(flow).__name__


def _shown(output: Any) -> str:
    """Return a step's output as Markdown; what a crew or a task gave is its text."""
    raw = getattr(output, "raw", None)
    return as_markdown(raw if isinstance(raw, str) else output)


def _details(context: PendingFeedbackContext) -> Iterable[tuple[str, str]]:
    if context.default_outcome:
        yield "Accepting without a choice means", context.default_outcome


def _response(context: PendingFeedbackContext) -> Response:
    if not context.emit:
        return Response(decisions=("approve", "respond"))
    # Skipping is offered only where the flow says itself what that means.
    skip: tuple[Decision, ...] = ("approve",) if context.default_outcome else ()
    return Response(decisions=("respond", *skip), options=tuple(context.emit))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list | tuple | set) else ()
    if not isinstance(value, list | tuple | set) or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"metadata[{name!r}] is a list of texts, not {value!r}")
    return texts
