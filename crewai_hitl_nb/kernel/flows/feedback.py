"""The feedback provider for flows: asks the questions of ``@human_feedback``.

crewAI calls it on a worker thread when a step has its output; ``flows/patches.py`` installs it.
It uses ``flows/question.py``, ``flows/outcome.py`` and ``asking.py``. A flow that pauses instead
of waiting goes to ``flows/pause.py``.

It returns only an answer. Every other outcome raises
:class:`~crewai_hitl_nb.kernel.asking.NotAnswered`, and the flow fails. Returning nothing would be
dangerous: crewAI treats silence as the first outcome, which is often "approved".
"""

from collections.abc import Callable
from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.flows.events import emit_received, emit_requested
from crewai_hitl_nb.kernel.flows.outcome import feedback_for
from crewai_hitl_nb.kernel.flows.pause import pause
from crewai_hitl_nb.kernel.flows.question import feedback_question, shown_output


class FlowFeedback:
    """Asks through the bridge; without a server, it asks as crewAI itself would.

    Args:
        asker: Returns the asker to use now; None for crewAI's own console prompt.
        is_durable: Says whether a flow pauses instead of waiting.
    """

    def __init__(
        self, asker: Callable[[], Asker | None], is_durable: Callable[[Flow[Any]], bool]
    ) -> None:
        self._asker = asker
        self._is_durable = is_durable

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Return a person's feedback on the step's output.

        Raises:
            HumanFeedbackPending: The flow is stored and waits without a process.
            NotAnswered: Nobody answered.
        """
        asker = self._asker()
        if asker is None:
            return _on_console(context, flow)
        if self._is_durable(flow):
            pause(asker, context, flow)
        shown = shown_output(context.method_output)
        question = feedback_question(context, shown, flow, asker.waiter, asker.terms)
        emit_requested(flow, context, question)
        answer = asker.ask(question, flow, shown.files)
        feedback = feedback_for(answer, context.emit, context.default_outcome)
        emit_received(flow, context.method_name, feedback, question.request_id)
        return feedback


class PausesFlow:
    """Marks a feedback provider whose flows pause instead of waiting."""


def _on_console(context: PendingFeedbackContext, flow: Flow[Any]) -> str:
    """Ask as crewAI does without a provider."""
    return flow._request_human_feedback(
        message=context.message,
        output=context.method_output,
        metadata=context.metadata,
        emit=context.emit,
        method_name=context.method_name,
    )
