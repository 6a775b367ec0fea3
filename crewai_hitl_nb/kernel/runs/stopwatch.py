"""Working time: how long an agent works, without the time that people take to answer.

Whoever asks a person (``asking.py`` and the plain console) stops the stopwatches of its context
meanwhile; ``tasks/time_limits.py`` holds agents' limits against them. It knows neither.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Stopwatch:
    """Runs from its construction on, but not while somebody is asked.

    Safe to use from several threads: an agent's tools may ask side by side.
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
        """Whether somebody is asked now."""
        return self._questions > 0

    def now(self) -> float:
        """Return a clock's time that stands still while somebody is asked."""
        return self._began + self.seconds

    def stop(self) -> None:
        """Stop: a person is asked. Each question stops it once."""
        with self._lock:
            self._worked = self._seconds()
            self._questions += 1

    def go_on(self) -> None:
        """Go on, unless others are still asked."""
        with self._lock:
            self._questions -= 1
            self._since = time.monotonic()

    def _seconds(self) -> float:
        running = 0.0 if self._questions else time.monotonic() - self._since
        return self._worked + running


_stopwatches: ContextVar[tuple[Stopwatch, ...]] = ContextVar("crewai_hitl_stopwatches", default=())
"""The innermost last: an agent's tool may run another agent, which asks for both."""


@contextmanager
def measured() -> Iterator[Stopwatch]:
    """Measure how long the block works; threads and tasks with its context count as well."""
    stopwatch = Stopwatch()
    token = _stopwatches.set((*_stopwatches.get(), stopwatch))
    try:
        yield stopwatch
    finally:
        _stopwatches.reset(token)


@contextmanager
def asking_a_person() -> Iterator[None]:
    """Leave the block out of whatever is measured in this context."""
    stopwatches = _stopwatches.get()
    for stopwatch in stopwatches:
        stopwatch.stop()
    try:
        yield
    finally:
        for stopwatch in stopwatches:
            stopwatch.go_on()


def working_time() -> float:
    """Return a clock's time for the calling context: it stands still while somebody is asked."""
    stopwatches = _stopwatches.get()
    return stopwatches[-1].now() if stopwatches else time.monotonic()
