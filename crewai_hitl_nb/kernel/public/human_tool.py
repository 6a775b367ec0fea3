"""``AskHumanTool``: a tool with which an agent asks a person.

``public/ask.py`` asks the question. This module has the agent's side: the tool's description for
the model, the handling of wrong arguments, and the reply to the agent when nobody answers.
"""

import re
from datetime import timedelta
from typing import Any, Final, Literal

from crewai.tools import BaseTool
from crewai.types.callback import SerializableCallable
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.ask.answer_types import AnswerType, Choice, Text
from crewai_hitl_nb.kernel.asking import NotAnswered
from crewai_hitl_nb.kernel.public.ask import Question, ask_question, ask_question_async
from crewai_hitl_nb.kernel.questions.terms import OnExpiry, Terms
from crewai_hitl_nb.kernel.tasks.human_input import answer_text
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.arguments import seconds_or_none
from crewai_hitl_nb.protocol.events import HumanInputCompleted

NONE_OF_THESE: Final = "None of these"
"""Added to the options that an agent suggests, because they may all be wrong."""

_FLAG_CHARS: Final = 60


class AskHumanArguments(BaseModel):
    """The arguments that an agent passes to the tool."""

    question: str = Field(
        min_length=1,
        description="The question, complete in itself: the person has not seen your work.",
    )
    options: list[str] | None = Field(
        default=None, description="Possible answers to choose from; leave out for free text."
    )
    reason: str | None = Field(
        default=None,
        description=(
            "Why a person is needed: `ambiguity` (the task can be read in several ways), "
            "`missing_field` (something you need was not given), or another short word."
        ),
    )


def _never(arguments: Any = None, result: Any = None) -> bool:
    """Keep crewAI from answering a repeated question from its cache: people change their mind."""
    return False


class AskHumanTool(BaseTool):
    """Lets an agent ask a person and wait for the answer.

    Creating one enables the bridge.

    Attributes:
        timeout: Time until a question's deadline, in seconds or as a ``timedelta``.
        remind_after: Time until a reminder is sent, in seconds or as a ``timedelta``.
        on_expiry: What happens at the deadline: ``fail``, ``default`` or ``wait``.
        default: The answer text for ``on_expiry="default"``.
        assignee: Who should answer.
        if_unanswered: What happens if the question expires or is withdrawn: ``end_run`` ends the
            run with :class:`NotAnswered`; ``tell_agent`` tells the agent that nobody answered
            and lets it continue. A run that was stopped ends in either case.
    """

    name: str = "Ask a human"
    description: str = (
        "Ask a person a question and get their answer. Use it when the task is ambiguous, "
        "when something you need is missing, or when a decision is not yours to take. "
        "Ask once, clearly; do not repeat a question that was answered."
    )
    args_schema: type[BaseModel] = AskHumanArguments
    cache_function: SerializableCallable = _never
    timeout: float | timedelta | None = None
    remind_after: float | timedelta | None = None
    on_expiry: OnExpiry | None = None
    default: str | None = None
    assignee: str | None = None
    if_unanswered: Literal["end_run", "tell_agent"] = "end_run"

    @field_validator("timeout", "remind_after", mode="before")
    @classmethod
    def check_the_type_of_a_time(cls, given: Any, about: ValidationInfo) -> Any:
        """Refuse values that pydantic would convert to a number, such as "5" or True."""
        seconds_or_none(str(about.field_name), given)
        return given

    def model_post_init(self, context: Any, /) -> None:
        """Check the times, and enable the bridge before the run that uses the tool."""
        self._terms()
        session()
        super().model_post_init(context)

    def _run(
        self, question: str, options: list[str] | None = None, reason: str | None = None
    ) -> str:
        try:
            return str(ask_question(self._question(question, options, reason)))
        except NotAnswered as error:
            return self._unanswered(error)

    async def _arun(
        self, question: str, options: list[str] | None = None, reason: str | None = None
    ) -> str:
        try:
            return str(await ask_question_async(self._question(question, options, reason)))
        except NotAnswered as error:
            return self._unanswered(error)

    def _terms(self) -> Terms:
        return Terms.of(self.timeout, self.remind_after, self.on_expiry, self.default)

    def _question(self, question: str, options: list[str] | None, reason: str | None) -> Question:
        flags = (_flag(reason),) if reason and _flag(reason) else ()
        return Question.of(question, _answer_type(options), "", self._terms(), flags, self.assignee)

    def _unanswered(self, error: NotAnswered) -> str:
        """Return the reply to the agent, or end the run.

        Raises:
            NotAnswered: The run must end, or nobody could be asked at all.
        """
        if self.if_unanswered == "end_run" or error.ending == "refused":
            raise error
        return (
            "Nobody answered the question, so you have no answer and no approval. Do not guess "
            "one. Continue only with work that does not depend on it, and state in your result "
            "what is still open."
        )


# crewAI stores tools by this path, so it must stay when files move.
AskHumanTool.__module__ = "crewai_hitl_nb"


class _SuggestedAnswers(Choice):
    """Options that a model suggests: cleaned, with "None of these" added, and read as text."""

    def __init__(self, options: list[str]) -> None:
        cleaned = dict.fromkeys(" ".join(option.split())[:1000] for option in options)
        cleaned.pop(NONE_OF_THESE, None)
        cleaned.pop("", None)
        super().__init__([*list(cleaned)[: limits.MAX_OPTIONS - 1], NONE_OF_THESE], False)

    def read(self, answer: HumanInputCompleted) -> str:
        """Return the option and the comment, as one text."""
        return answer_text(answer)


def _answer_type(options: list[str] | None) -> AnswerType:
    suggested = [option for option in options or () if option.strip()]
    return _SuggestedAnswers(suggested) if suggested else Text()


def _flag(reason: str) -> str:
    return re.sub(r"\W+", "_", reason.strip().lower()).strip("_")[:_FLAG_CHARS]
