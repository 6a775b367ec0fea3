"""Applies an agent's time limits without the time that people take to answer.

crewAI compares an agent's ``max_execution_time``, and the ``step_timeout`` of its plan, with
wall-clock time. If a person has to answer, a crew would fail because somebody went to lunch, even
though they answered. So while the bridge is enabled, these limits are compared with a stopwatch
(``runs/stopwatch.py``). ``session.py`` installs it.

A limit stops the same work that crewAI's own would stop: an agent on an event loop at once, an
agent on a thread only when it has ended, because a thread cannot be stopped.
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
"""How often a limit is checked while its stopwatch is stopped."""


class TimeLimitPatch:
    """Replaces crewAI's time limits, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._patched: list[tuple[Any, str, Any, Any]] = []
        self._patch(Agent, "_execute_with_timeout", _on_a_thread(Agent._execute_with_timeout))
        self._patch(Agent, "_aexecute_with_timeout", _on_a_loop(Agent._aexecute_with_timeout))
        self._patch(StepExecutor, "execute", _measured_step(StepExecutor.execute))
        clock = SimpleNamespace(**{**vars(time), "monotonic": working_time})
        self._patch(step_executor, "time", clock)  # only that module's clock

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
                result = original(agent, task_prompt, task, None)  # to its end, as in crewAI
            except HookAborted:  # stopped on purpose, for example by an unanswered question
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
    """Cancel the work if it is not done, and wait until it has ended."""
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # retrieve it, so that asyncio does not report it


def _measured_step(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def execute(*args: Any, **kwargs: Any) -> Any:
        with measured():
            return original(*args, **kwargs)

    return execute


def _raise_if_over(
    stopwatch: Stopwatch, task: Any, timeout: int, cause: Exception | None = None
) -> None:
    """Raise if an agent has worked too long.

    Raises:
        TimeoutError: The same error as crewAI's, which ends the task.
    """
    if stopwatch.seconds >= timeout:
        raise TimeoutError(
            f"Task '{task.description}' execution timed out after {timeout} seconds, not counting "
            "the time that people took to answer. Consider increasing max_execution_time or "
            "optimizing the task."
        ) from cause
