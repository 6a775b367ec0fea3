"""An agent's time limits, which leave out the time that people take to answer.

crewAI holds ``max_execution_time`` of an agent, and ``step_timeout`` of its plan, against the clock
on the wall. With a person in between a crew would fail because somebody went to lunch, and after
they have answered. So while enabled these limits are held against a stopwatch
(``runs/stopwatch.py``). Above it is ``session.py``. It asks nothing.

A limit stops what crewAI's own would stop: an agent on a loop at once, one on a thread when it has
ended, since no thread can be stopped.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Final

from crewai import Agent
from crewai.agents import step_executor
from crewai.agents.step_executor import StepExecutor
from crewai.hooks import HookAborted

from crewai_hitl_nb.kernel.runs.stopwatch import Stopwatch, measured, working_time

LOOK_SECONDS: Final = 0.25
"""How often a limit that stands still is looked at."""


class TimeLimitPatch:
    """Stands in for crewAI's limits, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._patched: list[tuple[Any, str, Any, Any]] = []
        self._patch(Agent, "_execute_with_timeout", _on_a_thread(Agent._execute_with_timeout))
        self._patch(Agent, "_aexecute_with_timeout", _on_a_loop(Agent._aexecute_with_timeout))
        self._patch(StepExecutor, "execute", _measured_step(StepExecutor.execute))
        clock = SimpleNamespace(**{**vars(time), "monotonic": working_time})
        self._patch(step_executor, "time", clock)  # the clock of that module alone

    def remove(self) -> None:
        """Put crewAI's own limits back."""
        for owner, name, original, ours in self._patched:
            if getattr(owner, name) is ours:
                setattr(owner, name, original)

    def _patch(self, owner: Any, name: str, ours: Any) -> None:
        self._patched.append((owner, name, getattr(owner, name), ours))
        setattr(owner, name, ours)


def _on_a_thread(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute(agent: Agent, task_prompt: str, task: Any, timeout: int) -> Any:
        with measured() as stopwatch:
            try:
                result = original(agent, task_prompt, task, None)  # to its end, as ever
            except HookAborted:  # stopped on purpose, as by a question that nobody answered
                raise
            except Exception as error:
                _raise_if_over(stopwatch, task, timeout, error)
                raise
            _raise_if_over(stopwatch, task, timeout)
            return result

    return execute


def _on_a_loop(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(original)
    async def execute(agent: Agent, task_prompt: str, task: Any, timeout: int) -> Any:
        with measured() as stopwatch:
            work = asyncio.ensure_future(original(agent, task_prompt, task, None))
            try:
                while not work.done():
                    _raise_if_over(stopwatch, task, timeout)
                    left = timeout - stopwatch.seconds
                    await asyncio.wait({work}, timeout=max(left, LOOK_SECONDS))
            finally:
                await _ended(work)
            return work.result()

    return execute


async def _ended(work: "asyncio.Future[Any]") -> None:
    """Cancel what is not done, and wait until it has seen that."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # looked at, so that asyncio reports nothing


def _measured_step(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute(*args: Any, **kwargs: Any) -> Any:
        with measured():
            return original(*args, **kwargs)

    return execute


def _raise_if_over(
    stopwatch: Stopwatch, task: Any, timeout: int, cause: Exception | None = None
) -> None:
    """Raise when an agent has worked too long.

    Raises:
        TimeoutError: As crewAI raises it, which ends the task.
    """
    if stopwatch.seconds >= timeout:
        raise TimeoutError(
            f"Task '{task.description}' execution timed out after {timeout} seconds, without the "
            "time that people took to answer. Consider increasing max_execution_time or "
            "optimizing the task."
        ) from cause
