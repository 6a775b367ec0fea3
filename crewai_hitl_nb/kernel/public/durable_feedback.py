"""``DurableFeedback``: makes a single step of a flow pause instead of wait.

A flow's step names it as its provider. It uses the session of this process and
``flows/feedback.py``. The session does not import it: ``flows/patches.py`` recognizes it by its
base class.
"""

from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.flows.feedback import FlowFeedback, PausesFlow


class DurableFeedback(PausesFlow):
    """Makes a step store its flow and end the run, instead of waiting for the answer.

    Use it as ``@human_feedback(..., provider=DurableFeedback())``. Once somebody has answered,
    ``resume_pending()`` continues the flow, in this process or in a later one.
    """

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Ask the question, store the flow and end its run.

        Raises:
            HumanFeedbackPending: The flow is stored, as crewAI expects it of a provider that does
                not wait.
            NotAnswered: The question could not be asked.
        """
        return FlowFeedback(session().asker, lambda _: True).request_feedback(context, flow)
