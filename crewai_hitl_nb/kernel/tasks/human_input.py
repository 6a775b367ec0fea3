"""The human input provider for tasks and training: crewAI's protocol, sync and async.

crewAI calls it when a task with ``human_input=True`` has a draft, and when a crew is trained;
``tasks/hooks.py`` installs it. It uses ``questions/question.py``, ``asking.py`` and
``reviews.py``.

The rule of acceptance: a person's ``approve`` accepts the draft, their ``edit`` replaces it with
their text, and their text revises it. Nothing else does any of these. A draft that a guardrail
then refuses is asked about again, as a further round of the same review.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
from crewai.agents.parser import AgentFinish
from crewai.core.providers.human_input import (
    AsyncExecutorContext,
    ExecutorContext,
    HumanInputProvider,
    SyncHumanInputProvider,
)

from crewai_hitl_nb.kernel.asking import Asker, NotAnswered
from crewai_hitl_nb.kernel.questions.question import task_question
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person
from crewai_hitl_nb.kernel.tasks.reviews import Review, Reviews
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.files import in_words

ACCEPT = ""
"""The feedback that crewAI treats as acceptance."""

GOOD_AS_IT_IS = "This result is good as it is: keep it, and do it like this again."
"""The feedback for an approval in training: crewAI's training fails without text."""


class BridgedHumanInput(HumanInputProvider):
    """Asks through the bridge; without a server, it asks as crewAI itself would.

    Args:
        asker: Returns the asker to use now; None for crewAI's own console prompt.
        reviews: The reviews of tasks, with the rounds of earlier attempts.
    """

    def __init__(self, asker: Callable[[], Asker | None], reviews: Reviews) -> None:
        self._asker = asker
        self._reviews = reviews
        self._console = _Console()

    def setup_messages(self, context: ExecutorContext) -> bool:
        """Leave the messages to crewAI."""
        return False

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """Leave the messages to crewAI."""

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        """Ask about the draft until it is accepted; return the accepted one."""
        asker = self._asker()
        if asker is None:
            return self._console.handle_feedback(formatted_answer, context)
        review = _Attempt(formatted_answer, context, asker, self._reviews.of(context.task))
        while context.ask_for_human_input:
            feedback = review.take(asker.ask(review.question(), context.agent))
            if context._is_training_mode():
                return _train(review.draft, feedback or GOOD_AS_IT_IS, context)
            if feedback == ACCEPT:
                break
            _revise(context, feedback)
            review.draft = context._invoke_loop()
        context.ask_for_human_input = False
        return review.draft

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        """Ask about the draft until it is accepted, without blocking the event loop."""
        asker = self._asker()
        if asker is None:
            return await self._console.handle_feedback_async(formatted_answer, context)
        review = _Attempt(formatted_answer, context, asker, self._reviews.of(context.task))
        while context.ask_for_human_input:
            feedback = review.take(await asker.ask_async(review.question(), context.agent))
            if context._is_training_mode():
                text = feedback or GOOD_AS_IT_IS
                return await _train_async(review.draft, text, context)
            if feedback == ACCEPT:
                break
            _revise(context, feedback)
            review.draft = await context._ainvoke_loop()
        context.ask_for_human_input = False
        return review.draft


class _Console(SyncHumanInputProvider):
    """crewAI's own console, where the time to answer does not count as the agent's either."""

    @staticmethod
    def _prompt_input(crew: Any) -> str:
        with asking_a_person():
            return SyncHumanInputProvider._prompt_input(crew)

    @staticmethod
    async def _prompt_input_async(crew: Any) -> str:
        with asking_a_person():
            return await SyncHumanInputProvider._prompt_input_async(crew)


class _Attempt:
    """One attempt of an agent at a task, with the review of its earlier attempts.

    Attributes:
        draft: The agent's proposed result, or a person's text once they have edited it.
    """

    def __init__(
        self, draft: AgentFinish, context: ExecutorContext, asker: Asker, review: Review
    ) -> None:
        self.draft = draft
        self._context = context
        self._asker = asker
        self._review = review
        review.next_attempt()

    def question(self) -> HumanInputRequired:
        """Return the question of this round."""
        asker, review = self._asker, self._review
        return task_question(
            self.draft.output,
            self._context,
            asker.waiter,
            asker.terms,
            review.history,
            review.refusal,
        )

    def take(self, answer: HumanInputCompleted) -> str:
        """Record an answer and return the feedback that crewAI expects."""
        if answer.decision == "edit" and not is_blank(answer.human_feedback):
            text = answer.human_feedback
            self.draft = dataclasses.replace(self.draft, output=text, text=text)
            feedback = ACCEPT
        else:
            feedback = feedback_of(answer)
        if feedback == ACCEPT:
            self._review.accept(str(self.draft.output))
        else:
            self._review.add_round(str(self.draft.output), feedback)
        return feedback


def feedback_of(answer: HumanInputCompleted) -> str:
    """Return the feedback that crewAI expects: blank accepts the draft, text revises it.

    Chosen options and a filled form also count as text.

    Raises:
        NotAnswered: The answer is neither a clear approval nor text.
    """
    if answer.decision == "approve":
        return ACCEPT
    text = answer_text(answer)
    if answer.decision in ("respond", None) and not is_blank(text):
        return text
    raise NotAnswered(
        f"the answer was neither approval nor feedback ({answer.decision})", "refused"
    )


def answer_text(answer: HumanInputCompleted) -> str:
    """Return a person's options, feedback and values as one text."""
    parts = [", ".join(answer.options or ()), answer.human_feedback]
    if answer.values is not None:
        parts.append(msgspec.json.encode(in_words(answer.values)).decode())
    return "\n".join(dict.fromkeys(part for part in parts if not is_blank(part)))


def _revise(context: ExecutorContext, feedback: str) -> None:
    context.messages.append(context._format_feedback_message(feedback))


def _train(draft: AgentFinish, feedback: str, context: ExecutorContext) -> AgentFinish:
    """Do one iteration of training: record, revise, record (crewAI's own order)."""
    context._handle_crew_training_output(draft, feedback)
    _revise(context, feedback)
    improved = context._invoke_loop()
    context._handle_crew_training_output(improved)
    context.ask_for_human_input = False
    return improved


async def _train_async(
    draft: AgentFinish, feedback: str, context: AsyncExecutorContext
) -> AgentFinish:
    """Do one iteration of training on an event loop; the same as :func:`_train`."""
    context._handle_crew_training_output(draft, feedback)
    _revise(context, feedback)
    improved = await context._ainvoke_loop()
    context._handle_crew_training_output(improved)
    context.ask_for_human_input = False
    return improved
