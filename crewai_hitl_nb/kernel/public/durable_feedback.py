"""``DurableFeedback``: a feedback provider that makes single steps of a flow pause durably.

A step of a flow names it. It uses the session of this process and ``feedback.py``. The session
does not import it: ``patches.py`` recognises it by its base class.
"""

from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.flows.feedback import FlowFeedback, PausesFlow


class DurableFeedback(PausesFlow):
    """Makes one step of a flow pause durably: ``@human_feedback(..., provider=DurableFeedback())``.

    The flow is stored and its run ends. Once somebody has answered, ``resume_pending()`` continues
    it, in this process or in a later one.
    """

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Ask, and pause the flow.

        Raises:
            HumanFeedbackPending: The flow is stored and waits without a process.
            NotAnswered: The question could not be asked.
        """
        return FlowFeedback(session().asker, lambda _: True).request_feedback(context, flow)
