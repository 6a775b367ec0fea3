"""``DurableFeedback``: the provider for single steps of a flow that pause.

Below it are the session of this process and ``feedback.py``; above it is crewAI, where a step names
it. The session does not know it: ``patches.py`` knows such a provider by its base.
"""

from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.flows.feedback import FlowFeedback, PausesFlow


class DurableFeedback(PausesFlow):
    """The provider for single steps that pause: ``@human_feedback(..., provider=...)``.

    The flow is stored and ends its run; ``resume_pending()`` goes on with it once somebody
    has answered, in this process or in any later one.
    """

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Ask, and let the flow pause.

        Raises:
            HumanFeedbackPending: The flow is stored and waits without a process.
            NotAnswered: It could not be asked.
        """
        return FlowFeedback(session().asker, lambda _: True).request_feedback(context, flow)
