"""crewAI's provider of human feedback for flows: what ``@human_feedback`` asks.

crewAI calls it on a worker thread when a step has its output. Below it are
``flows/question.py``, ``flows/outcome.py`` and ``asking.py``; above it is crewAI, into which
``flows/patches.py`` puts it. A flow that is to pause instead of waiting goes to ``flows/pause.py``.

Nothing but an answer comes back: every other end raises
:class:`~crewai_hitl_nb.kernel.asking.NotAnswered`, and the flow fails. Silence would be
dangerous here: crewAI takes it for the first outcome, which is often "approved".
"""

from collections.abc import Callable
from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.flows.events import tell_received, tell_requested
from crewai_hitl_nb.kernel.flows.outcome import feedback_for
from crewai_hitl_nb.kernel.flows.pause import pause
from crewai_hitl_nb.kernel.flows.question import feedback_question


class FlowFeedback:
    """Asks through the bridge; where there is none, as crewAI itself would.

    Args:
        asker: Returns whom to ask through now; None for crewAI's own console prompt.
        is_durable: Says whether a flow pauses instead of waiting.
    """

    def __init__(
        self, asker: Callable[[], Asker | None], is_durable: Callable[[Flow[Any]], bool]
    ) -> None:
        self._asker = asker
        self._is_durable = is_durable

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Return what a person says about the step's output.

        Raises:
            HumanFeedbackPending: The flow is stored and waits without a process.
            NotAnswered: Nobody said anything.
        """
        asker = self._asker()
        if asker is None:
            return _on_console(context, flow)
        if self._is_durable(flow):
            pause(asker, context, flow)
        question = feedback_question(context, flow, asker.waiter, asker.terms)
        tell_requested(flow, context, question)
        answer = asker.ask(question, flow)
        feedback = feedback_for(answer, context.emit, context.default_outcome)
        tell_received(flow, context.method_name, feedback, question.request_id)
        return feedback


class PausesFlow:
    """Marks a provider of feedback whose flows pause instead of waiting."""


def _on_console(context: PendingFeedbackContext, flow: Flow[Any]) -> str:
    """Ask as crewAI does without any provider."""
    return flow._request_human_feedback(
        message=context.message,
        output=context.method_output,
        metadata=context.metadata,
        emit=context.emit,
        method_name=context.method_name,
    )
