"""Keeps a flow that asks in an ``async def`` method from blocking the kernel's loop.

``Flow.ask()`` blocks the thread that it is called on. crewAI runs plain methods on worker
threads, but an ``async def`` method on the loop of whoever kicked the flow off; in a cell
that is the kernel's. Such a flow gets a loop of its own on a thread, and the cell awaits
it. Every other flow stays on its caller's loop, where the user's own loop-bound objects
work. Above it is ``runs/run.py``; it knows crewAI's ``Flow`` and nothing else of this package
but the loop thread.

The rule: a flow has an ``async def`` method, and one of its methods that crewAI does not
move to a worker thread (an ``async def`` one, or a plain one that is no step of the flow)
names ``ask`` in its code.
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
    """Say whether the flow may block the loop that it is kicked off on."""
    if not isinstance(flow, Flow) or flow.stream:  # then it only makes a stream, for this loop
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
    """Run a coroutine on a loop and thread of its own, with a copy of this context.

    Args:
        call: Makes the coroutine.
        tick_seconds: How often to look around: an idle loop misses the kernel's interrupt.
    """
    thread = LoopThread("crewai-hitl-flow")
    try:
        outcome = asyncio.wrap_future(thread.submit(call()))
        while not (await asyncio.wait({outcome}, timeout=tick_seconds))[0]:
            pass
        return outcome.result()
    finally:
        thread.close(seconds=0)  # cancels what still runs there; this loop must not wait for it


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
