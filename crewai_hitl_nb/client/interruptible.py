"""Blocks a thread so that the wait can always be interrupted.

A thread that blocks its own event loop receives no callbacks of that loop. A notebook's `await`
cell, `asyncio.run` and most web servers handle Ctrl-C and the stop button as such a callback,
which never comes. A wait that blocks there must notice interrupts itself. Above it are the
blocking client and the kernel half; it knows neither.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, nullcontext
from typing import Any, Final

TICK_SECONDS: Final = 0.25
"""The longest time that a wait does not check for interrupts."""


def _nothing() -> None:
    pass


class Interrupts:
    """Whether the calling thread was interrupted since :func:`noticing_interrupts` began."""

    def __init__(self, is_heard: Callable[[], bool]) -> None:
        self._is_heard = is_heard
        self._task = asyncio.current_task() if loop_is_running() else None
        self._before = _cancellations(self._task)

    def raise_if_any(self) -> None:
        """Raise if the thread was interrupted.

        Raises:
            asyncio.CancelledError: It was, or the task that runs here was cancelled.
        """
        if self._is_heard() or _cancellations(self._task) > self._before:
            raise asyncio.CancelledError


def block_until_done(
    futures: Sequence[Future[Any]],
    tick: Callable[[], None] = _nothing,
    seconds: float | None = None,
    interrupts: Interrupts | None = None,
) -> None:
    """Block the calling thread until one of the futures is done, or the time is over.

    Args:
        futures: The futures to wait for.
        tick: Called a few times a second.
        seconds: The longest wait; None for no limit.
        interrupts: The interrupts noticed so far; None to notice them from now on. A caller that
            shows something before it waits passes them, because a person may interrupt at once.

    Raises:
        KeyboardInterrupt: The process was interrupted.
        asyncio.CancelledError: It was interrupted and a loop runs in this thread: its task ends,
            and the loop continues. Or the task that blocks the loop here was cancelled.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    with nullcontext(interrupts) if interrupts is not None else noticing_interrupts() as noticed:
        while not wait(futures, timeout=_tick(deadline), return_when=FIRST_COMPLETED).done:
            noticed.raise_if_any()
            if deadline is not None and time.monotonic() >= deadline:
                return
            tick()


def loop_is_running() -> bool:
    """Return whether an event loop runs in the calling thread now."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def interrupt_of_the_program() -> BaseException | None:
    """Return the KeyboardInterrupt that the main thread handles, or that has ended it.

    Meanwhile the main thread may wait for the thread that asks, as the end of a
    ``with ThreadPoolExecutor()`` or of the program does.
    """
    active: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error = active[1] if isinstance(active, tuple) else active  # a tuple up to Python 3.11
    if not isinstance(error, KeyboardInterrupt) and not hasattr(sys, "ps1"):
        error = getattr(sys, "last_value", None)  # set when nobody caught it and the script is over
    return error if isinstance(error, KeyboardInterrupt) else None


@contextmanager
def noticing_interrupts() -> Iterator[Interrupts]:
    """Listen for interrupts, and pass them on to the handler that replaced Python's own."""
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(before) or before is signal.default_int_handler:
        yield Interrupts(lambda: False)  # Python's own handler raises KeyboardInterrupt by itself
        return
    heard = threading.Event()

    def hear(number: int, frame: Any) -> None:
        heard.set()
        before(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield Interrupts(heard.is_set)
    finally:
        signal.signal(signal.SIGINT, before)


def _tick(deadline: float | None) -> float:
    if deadline is None:
        return TICK_SECONDS
    return max(0.0, min(TICK_SECONDS, deadline - time.monotonic()))


def _cancellations(task: "asyncio.Task[Any] | None") -> int:
    """Return how often a task was cancelled; 0 before Python 3.11, which needs no count."""
    count: Callable[[], int] | None = getattr(task, "cancelling", None)
    return count() if count is not None else 0
