"""The earlier rounds of a task's review, for as long as the task is executed.

crewAI runs an agent again when a guardrail refuses what a person has accepted or written, or when
an attempt fails, and each attempt asks anew. What was said before stands here, beside crewAI's
tasks, so that it is one review to people. crewAI hands a guardrail's refusal to the agent alone, so
while enabled the function that runs guardrails also tells of it here. Above it are
``tasks/human_input.py`` and ``session.py``; below are crewAI and the protocol. It asks nothing.
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
    """What was shown of one task and said of it, over all attempts of its agent.

    Attributes:
        history: The earlier rounds, oldest first.
        refusal: The round that a guardrail ended, if one did; the latest of them.
    """

    def __init__(self) -> None:
        self.history: list[Round] = []
        self.refusal: Round | None = None
        self._accepted: str | None = None

    def next_attempt(self) -> None:
        """Go on with another attempt of the agent, if there was one before."""
        if self._accepted is not None:
            self.say(self._accepted, "Accepted, but then the agent was run again.")
        self._accepted = None

    def say(self, draft: str, feedback: str) -> None:
        """Keep a round: what was shown, and what a person said."""
        self.history.append(Round(draft=draft, feedback=feedback))

    def accept(self, text: str) -> None:
        """Keep what goes on as the task's result, for now."""
        self._accepted = text

    def refuse(self, text: str, reason: str | None) -> None:
        """Keep what a guardrail refused, and why."""
        self._accepted = None
        self.say(text, f"Refused by a guardrail: {reason or 'it gave no reason'}")
        self.refusal = self.history[-1]


class Reviews:
    """The reviews of this process's tasks, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._reviews: weakref.WeakKeyDictionary[Task, Review] = weakref.WeakKeyDictionary()
        self._original: Any = getattr(crewai.task, _NAME)
        self._ours = self._telling(self._original)
        setattr(crewai.task, _NAME, self._ours)

    def remove(self) -> None:
        """Put crewAI's own function back."""
        if getattr(crewai.task, _NAME) is self._ours:
            setattr(crewai.task, _NAME, self._original)

    def begin(self, task: Task) -> None:
        """Forget what was said of a task: it is executed anew."""
        self._reviews.pop(task, None)

    def of(self, task: Task | None) -> Review:
        """Return the review of a task, which an earlier attempt may have begun."""
        return Review() if task is None else self._reviews.setdefault(task, Review())

    def _telling(self, process: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(process)
        def process_and_tell(output: Any, *args: Any, **kwargs: Any) -> Any:
            result = process(output, *args, **kwargs)
            task = kwargs.get("from_task")
            if not result.success and isinstance(task, Task):
                self.of(task).refuse(output.raw, result.error)
            return result

        return process_and_tell
