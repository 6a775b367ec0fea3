"""Keeps the earlier rounds of a task's review while the task is executed.

crewAI runs an agent again when a guardrail refuses a draft that a person has accepted or written,
or when an attempt fails, and each attempt asks again. The earlier rounds are kept here, beside
crewAI's tasks, so that people see one review. crewAI reports a guardrail's refusal only to the
agent, so while the bridge is enabled, the function that runs guardrails also reports it here.
``tasks/human_input.py`` and ``session.py`` use it; it uses crewAI and the protocol.
"""

import functools
import weakref
from collections.abc import Callable
from typing import Any, Final

import crewai.task
from crewai import Task

from crewai_hitl_nb.protocol.events import Round

_NAME: Final = "process_guardrail"


class Review:
    """The drafts of one task and the feedback on them, over all attempts of its agent.

    Attributes:
        history: The earlier rounds, oldest first.
        refusal: The latest round that a guardrail ended, if any.
    """

    def __init__(self) -> None:
        self.history: list[Round] = []
        self.refusal: Round | None = None
        self._accepted: str | None = None

    def next_attempt(self) -> None:
        """Begin another attempt of the agent; an accepted draft of the last one is now history."""
        if self._accepted is not None:
            self.add_round(self._accepted, "Accepted, but then the agent was run again.")
        self._accepted = None

    def add_round(self, draft: str, feedback: str) -> None:
        """Record a round: the draft, and a person's feedback."""
        self.history.append(Round(draft=draft, feedback=feedback))

    def accept(self, text: str) -> None:
        """Record the accepted text, which a guardrail may still refuse."""
        self._accepted = text

    def refuse(self, text: str, reason: str | None) -> None:
        """Record the text that a guardrail refused, and why."""
        self._accepted = None
        self.add_round(text, f"Refused by a guardrail: {reason or 'it gave no reason'}")
        self.refusal = self.history[-1]


class Reviews:
    """The reviews of this process's tasks, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._reviews: weakref.WeakKeyDictionary[Task, Review] = weakref.WeakKeyDictionary()
        self._original: Any = getattr(crewai.task, _NAME)
        self._ours = self._reporting_refusals(self._original)
        setattr(crewai.task, _NAME, self._ours)

    def remove(self) -> None:
        """Put crewAI's own function back."""
        if getattr(crewai.task, _NAME) is self._ours:
            setattr(crewai.task, _NAME, self._original)

    def begin(self, task: Task) -> None:
        """Forget the review of a task, because the task is executed again."""
        self._reviews.pop(task, None)

    def of(self, task: Task | None) -> Review:
        """Return the review of a task, which an earlier attempt may have begun."""
        return Review() if task is None else self._reviews.setdefault(task, Review())

    def _reporting_refusals(self, process: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(process)
        def process_and_report(output: Any, *args: Any, **kwargs: Any) -> Any:
            result = process(output, *args, **kwargs)
            task = kwargs.get("from_task")
            if not result.success and isinstance(task, Task):
                self.of(task).refuse(output.raw, result.error)
            return result

        return process_and_report
