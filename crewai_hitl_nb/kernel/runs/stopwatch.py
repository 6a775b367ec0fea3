"""Measures how long an agent works, without the time that people take to answer.

``asking.py`` and the plain console stop the stopwatches of their context while they ask a person;
``tasks/time_limits.py`` compares agents' limits with them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Stopwatch:
    """Runs from its construction on, except while a person is being asked.

    Thread-safe, because an agent's tools may ask at the same time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = self._since = time.monotonic()
        self._worked = 0.0
        self._questions = 0

    @property
    def seconds(self) -> float:
        """How long it has run."""
        with self._lock:
            return self._seconds()

    @property
    def is_stopped(self) -> bool:
        """Whether a person is being asked now."""
        return self._questions > 0

    def now(self) -> float:
        """Return the time of a clock that stops while a person is being asked."""
        return self._began + self.seconds

    def stop(self) -> None:
        """Stop, because a person is being asked. Each question stops it once."""
        with self._lock:
            self._worked = self._seconds()
            self._questions += 1

    def go_on(self) -> None:
        """Continue, unless other questions are still open."""
        with self._lock:
            self._questions -= 1
            self._since = time.monotonic()

    def _seconds(self) -> float:
        running = 0.0 if self._questions else time.monotonic() - self._since
        return self._worked + running


_stopwatches: ContextVar[tuple[Stopwatch, ...]] = ContextVar("crewai_hitl_stopwatches", default=())
"""The innermost last: an agent's tool may run another agent, whose questions stop both."""


@contextmanager
def measured() -> Iterator[Stopwatch]:
    """Measure the working time of the block, including threads and tasks with its context."""
    stopwatch = Stopwatch()
    token = _stopwatches.set((*_stopwatches.get(), stopwatch))
    try:
        yield stopwatch
    finally:
        _stopwatches.reset(token)


@contextmanager
def asking_a_person() -> Iterator[None]:
    """Exclude the block from every measurement in this context."""
    stopwatches = _stopwatches.get()
    for stopwatch in stopwatches:
        stopwatch.stop()
    try:
        yield
    finally:
        for stopwatch in stopwatches:
            stopwatch.go_on()


def working_time() -> float:
    """Return the calling context's time, on a clock that stops while a person is being asked."""
    stopwatches = _stopwatches.get()
    return stopwatches[-1].now() if stopwatches else time.monotonic()
