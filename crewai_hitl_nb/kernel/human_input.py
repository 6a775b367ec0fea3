"""crewAI's provider of human input for tasks: the whole protocol, sync and async.

crewAI calls it when a task with ``human_input=True`` has a draft, and when a crew is
trained. Below it are ``question.py`` and ``asking.py``; above it is crewAI, into which
``hooks.py`` puts it. It does not know how a question travels.

The rule of acceptance stands here once (:func:`feedback_of`): a person's ``approve``
accepts the draft, their text revises it, and nothing else does either.
"""

from collections.abc import Callable

from crewai.agents.parser import AgentFinish
from crewai.core.providers.human_input import (
    AsyncExecutorContext,
    ExecutorContext,
    HumanInputProvider,
    SyncHumanInputProvider,
)
from crewai.hooks import HookAborted

from crewai_hitl_nb.kernel.asking import SOURCE, Asker
from crewai_hitl_nb.kernel.question import Waiter, task_question
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired

ACCEPT = ""
"""What crewAI takes for acceptance."""


class BridgedHumanInput(HumanInputProvider):
    """Asks through the bridge; where there is none, as crewAI itself would.

    Args:
        asker: Returns whom to ask through now; None for crewAI's own console prompt.
        waiter: This process.
    """

    def __init__(self, asker: Callable[[], Asker | None], waiter: Waiter) -> None:
        self._asker = asker
        self._waiter = waiter
        self._console = SyncHumanInputProvider()

    def setup_messages(self, context: ExecutorContext) -> bool:
        """Leave the messages to crewAI."""
        return False

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """Leave the messages to crewAI."""

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        """Ask about the draft until it is accepted; return what was accepted."""
        asker = self._asker()
        if asker is None:
            return self._console.handle_feedback(formatted_answer, context)
        draft, round_ = formatted_answer, 1
        while context.ask_for_human_input:
            question = self._question(draft, context, round_)
            feedback = feedback_of(asker.ask(question, context.agent))
            if context._is_training_mode():
                return _train(draft, feedback, context)
            if feedback == ACCEPT:
                break
            _revise(context, feedback)
            draft, round_ = context._invoke_loop(), round_ + 1
        context.ask_for_human_input = False
        return draft

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        """Ask about the draft until it is accepted, without blocking the loop."""
        asker = self._asker()
        if asker is None:
            return await self._console.handle_feedback_async(formatted_answer, context)
        draft, round_ = formatted_answer, 1
        while context.ask_for_human_input:
            question = self._question(draft, context, round_)
            feedback = feedback_of(await asker.ask_async(question, context.agent))
            if context._is_training_mode():
                return await _train_async(draft, feedback, context)
            if feedback == ACCEPT:
                break
            _revise(context, feedback)
            draft, round_ = await context._ainvoke_loop(), round_ + 1
        context.ask_for_human_input = False
        return draft

    def _question(
        self, draft: AgentFinish, context: ExecutorContext, round_: int
    ) -> HumanInputRequired:
        return task_question(draft.output, context, self._waiter, round_=round_)


def feedback_of(answer: HumanInputCompleted) -> str:
    """Return the feedback in crewAI's terms: blank accepts the draft, text revises it.

    Raises:
        HookAborted: When the answer is neither a clear approval nor text.
    """
    text = answer.human_feedback
    if answer.decision == "approve":
        return ACCEPT
    if answer.decision in ("respond", None) and text.strip():
        return text
    raise HookAborted(f"the answer was no approval and no feedback ({answer.decision})", SOURCE)


def _revise(context: ExecutorContext, feedback: str) -> None:
    context.messages.append(context._format_feedback_message(feedback))


def _train(draft: AgentFinish, feedback: str, context: ExecutorContext) -> AgentFinish:
    """Do one iteration of training: note, revise, note (crewAI's own order)."""
    context._handle_crew_training_output(draft, feedback)
    _revise(context, feedback)
    improved = context._invoke_loop()
    context._handle_crew_training_output(improved)
    context.ask_for_human_input = False
    return improved


async def _train_async(
    draft: AgentFinish, feedback: str, context: AsyncExecutorContext
) -> AgentFinish:
    """Do the same as :func:`_train` on a loop."""
    context._handle_crew_training_output(draft, feedback)
    _revise(context, feedback)
    improved = await context._ainvoke_loop()
    context._handle_crew_training_output(improved)
    context.ask_for_human_input = False
    return improved
