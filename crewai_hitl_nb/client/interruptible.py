"""Waiting in a thread so that it can always be interrupted.

A thread that blocks its own event loop does not see what that loop would tell it. A notebook's
`await` cell, `asyncio.run` and most web servers take Ctrl-C and the stop button as a callback of
their loop, which never comes. So whoever blocks there listens itself. Above it are the blocking
client and the kernel half; it knows neither.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Any, Final

TICK_SECONDS: Final = 0.25
"""How long an idle wait may go without looking around: an interrupt shows within this."""


def _nothing() -> None:
    pass


def block_until_done(
    turns: Sequence[Future[Any]],
    tick: Callable[[], None] = _nothing,
    seconds: float | None = None,
) -> None:
    """Block the calling thread until one of these is done, or the time is over.

    Args:
        turns: What to wait for.
        tick: Called a few times a second.
        seconds: The longest wait; None for none.

    Raises:
        KeyboardInterrupt: The process was interrupted.
        asyncio.CancelledError: It was, and a loop runs in this thread: its task ends, and the loop
            goes on. Or the task that blocks the loop here was asked to end.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    task = asyncio.current_task() if loop_is_running() else None
    cancelled_before = _cancellations(task)
    with _interrupts() as is_interrupted:
        while not wait(turns, timeout=_tick(deadline), return_when=FIRST_COMPLETED).done:
            if is_interrupted() or _cancellations(task) > cancelled_before:
                raise asyncio.CancelledError
            if deadline is not None and time.monotonic() >= deadline:
                return
            tick()


def loop_is_running() -> bool:
    """Say whether the calling thread is one that a loop runs in, now."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def interrupt_of_the_program() -> BaseException | None:
    """Return the KeyboardInterrupt that the main thread handles, or that has ended it.

    Meanwhile it may wait for the very threads that ask, as the end of a
    ``with ThreadPoolExecutor()`` does, or the end of the program.
    """
    active: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error = active[1] if isinstance(active, tuple) else active  # a tuple up to Python 3.11
    if not isinstance(error, KeyboardInterrupt) and not hasattr(sys, "ps1"):
        error = getattr(sys, "last_value", None)  # set when nobody took it, and a script is over
    return error if isinstance(error, KeyboardInterrupt) else None


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Listen for interrupts, beside whoever has taken them over from Python itself."""
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(before) or before is signal.default_int_handler:
        yield lambda: False  # where it is Python's own, it raises KeyboardInterrupt by itself
        return
    heard = threading.Event()

    def hear(number: int, frame: Any) -> None:
        heard.set()
        before(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield heard.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _tick(deadline: float | None) -> float:
    if deadline is None:
        return TICK_SECONDS
    return max(0.0, min(TICK_SECONDS, deadline - time.monotonic()))


def _cancellations(task: "asyncio.Task[Any] | None") -> int:
    """Return how often a task was asked to end (known from Python 3.11 on, as is the need)."""
    count: Callable[[], int] | None = getattr(task, "cancelling", None)
    return count() if count is not None else 0
