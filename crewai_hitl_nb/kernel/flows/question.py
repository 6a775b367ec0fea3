"""Builds the questions of flows.

Pure: it converts crewAI's objects to the protocol's event. ``flows/feedback.py``
(``@human_feedback``), ``flows/pause.py`` and ``flows/input.py`` (``Flow.ask()``) use it; it uses
``questions/question.py``. A flow sets a question's options in crewAI's ``metadata``; this module
reads them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.questions.context import under
from crewai_hitl_nb.kernel.questions.question import Asking, Waiter, new_question
from crewai_hitl_nb.kernel.questions.rendering import Rendered, rendered
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Response

_TERMS: Final = ("timeout", "remind_after", "on_expiry", "default")


@dataclass(frozen=True)
class QuestionSettings:
    """The settings of a question in ``metadata``; every other key there belongs to the flow.

    Attributes:
        assignee: Who should answer.
        reason_flags: Why a person is needed.
        options: The texts to choose from, for ``Flow.ask()``.
        multiple: Whether several of them may be chosen.
        terms: How long the question may wait.
    """

    assignee: str | None
    reason_flags: tuple[str, ...]
    options: tuple[str, ...] | None
    multiple: bool
    terms: Terms


def settings_in(metadata: Mapping[str, Any] | None) -> QuestionSettings:
    """Read the settings of a question from ``metadata``.

    Raises:
        ValueError: A setting is not valid; the message names it.
    """
    given = metadata or {}
    assignee = given.get("assignee")
    if assignee is not None and not isinstance(assignee, str):
        raise ValueError(f"metadata['assignee'] must be a text, not {assignee!r}")
    options = given.get("options")
    return QuestionSettings(
        assignee=assignee,
        reason_flags=_texts("reason_flags", given.get("reason_flags") or ()),
        options=None if options is None else _texts("options", options),
        multiple=bool(given.get("multiple", False)),
        terms=Terms(**{name: given.get(name) for name in _TERMS}),
    )


def feedback_question(
    context: PendingFeedbackContext,
    shown: Rendered,
    flow: Flow[Any],
    waiter: Waiter,
    terms: Terms,
) -> HumanInputRequired:
    """Return the question of a step with ``@human_feedback``.

    Args:
        context: crewAI's description of the step.
        shown: The step's output, as :func:`shown_output` returns it.
        flow: The flow.
        waiter: This process.
        terms: How long a question may wait unless it says otherwise.
    """
    settings = settings_in(context.metadata)
    return new_question(
        waiter,
        Asking(
            flow_name=name_of(flow), task=context.method_name, execution_id=context.execution_uuid
        ),
        "flow_feedback",
        prompt=context.message,
        context=under(shown.text, _details(context)),
        attachments=shown.attachments,
        response=_response(context),
        terms=settings.terms.over(terms),
        reason_flags=settings.reason_flags,
        assignee=settings.assignee,
    )


def input_question(
    message: str, settings: QuestionSettings, flow: Flow[Any], method: str | None, waiter: Waiter
) -> HumanInputRequired:
    """Return the question of a ``Flow.ask()``; its terms are in the settings."""
    response = Response(
        decisions=("respond",), options=settings.options, multiple=settings.multiple
    )
    return new_question(
        waiter,
        Asking(flow_name=name_of(flow), task=method),
        "question",
        prompt=message,
        response=response,
        terms=settings.terms,
        reason_flags=settings.reason_flags,
        assignee=settings.assignee,
    )


def name_of(flow: Flow[Any]) -> str:
    """Return the flow's name for people."""
    return flow.name or type(flow).__name__


def shown_output(output: Any) -> Rendered:
    """Return a step's output for people; for the output of a crew or a task, its text."""
    raw = getattr(output, "raw", None)
    return rendered(raw if isinstance(raw, str) else output)


def _details(context: PendingFeedbackContext) -> Iterable[tuple[str, str]]:
    if context.default_outcome:
        yield "Accepting without a choice means", context.default_outcome


def _response(context: PendingFeedbackContext) -> Response:
    if not context.emit:
        return Response(decisions=("approve", "respond"))
    # Accepting without a choice is offered only if the flow itself defines what that means.
    skip: tuple[Decision, ...] = ("approve",) if context.default_outcome else ()
    return Response(decisions=("respond", *skip), options=tuple(context.emit))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list | tuple | set) else ()
    if not isinstance(value, list | tuple | set) or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"metadata[{name!r}] must be a list of texts, not {value!r}")
    return texts
