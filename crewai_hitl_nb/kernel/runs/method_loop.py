"""Keeps a flow that asks in an ``async def`` method from blocking the kernel's event loop.

``Flow.ask()`` blocks the thread that calls it. crewAI runs plain methods on worker threads, but
an ``async def`` method on the loop of the code that started the flow; in a cell that is the
kernel's loop. Such a flow gets a loop on a thread of its own, and the cell awaits it. Every other
flow stays on its caller's loop, where objects bound to that loop work. ``runs/run.py`` uses it; it
uses only crewAI's ``Flow`` and the loop thread.

The rule: the flow has an ``async def`` method, and the name ``ask`` occurs in the code of a
method that crewAI does not move to a worker thread (an ``async def`` method, or a plain one that
is not a step of the flow).
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from types import CodeType
from typing import Any, TypeVar

from crewai.flow.flow_wrappers import FlowMethod
from crewai.flow.runtime import Flow

from crewai_hitl_nb.client.loop_thread import LoopThread

_T = TypeVar("_T")


def blocks_its_loop(flow: Any) -> bool:
    """Say whether the flow may block the event loop that starts it."""
    if not isinstance(flow, Flow) or flow.stream:  # a stream belongs to this loop
        return False
    methods = list(_methods(type(flow)))
    if not any(inspect.iscoroutinefunction(function) for function, _ in methods):
        return False
    return any(
        _names_ask(function.__code__)
        for function, is_step in methods
        if not is_step or inspect.iscoroutinefunction(function)
    )


async def on_a_loop_of_its_own(
    call: Callable[[], Coroutine[Any, Any, _T]], tick_seconds: float
) -> _T:
    """Run a coroutine on an event loop and thread of its own, with a copy of this context.

    Args:
        call: Creates the coroutine.
        tick_seconds: How often to wake up: an idle loop does not notice the kernel's interrupt.
    """
    thread = LoopThread("crewai-hitl-flow")
    try:
        outcome = asyncio.wrap_future(thread.submit(call()))
        while not (await asyncio.wait({outcome}, timeout=tick_seconds))[0]:
            pass
        return outcome.result()
    finally:
        thread.close(seconds=0)  # cancels its tasks without blocking this loop


def _methods(flow_class: type) -> Iterator[tuple[Any, bool]]:
    """Yield the functions that a flow's classes define, and whether each is a step of it."""
    own = (owner for owner in flow_class.__mro__ if not owner.__module__.startswith("crewai."))
    for owner in own:
        for value in vars(owner).values():
            is_step = isinstance(value, FlowMethod)
            function = inspect.unwrap(value.unwrap() if is_step else value)
            if inspect.isfunction(function):
                yield function, is_step


def _names_ask(code: CodeType) -> bool:
    nested = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return "ask" in code.co_names or any(map(_names_ask, nested))
