"""Ends the connections on which the database does not answer in time.

A database that was stopped (``SIGSTOP``, a paused virtual machine) still acknowledges packets, so
neither libpq nor TCP ends the wait for its reply. This thread shuts such a connection down; the
thread that waits gets an error of a broken connection.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from crewai_hitl_nb.store.postgres.connections import Session

ANSWER_SECONDS: Final = 12.0
"""Longer than the database waits for a lock, so that its own error comes first."""

_LOOK_SECONDS: Final = 1.0


class Watchdog:
    """See the module."""

    def __init__(self) -> None:
        self._watched: dict[object, tuple[Session, float, float]] = {}
        self._hurries_since = math.inf
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hitl-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def hurry(self) -> None:
        """Allow no block more than :data:`ANSWER_SECONDS` from now on, because the server stops."""
        self._hurries_since = time.monotonic()

    def close(self) -> None:
        """Stop; return when the thread has ended."""
        self._closed.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join()

    @contextmanager
    def watching(self, session: Session, seconds: float | None = None) -> Iterator[None]:
        """Shut the connection down if the block takes longer; None for :data:`ANSWER_SECONDS`."""
        key = object()
        allowed = ANSWER_SECONDS if seconds is None else seconds
        begun = time.monotonic()
        self._watched[key] = session, begun, begun + allowed
        try:
            yield
        finally:
            del self._watched[key]

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            now = time.monotonic()
            for session, begun, until in list(self._watched.values()):
                if now > min(until, max(begun, self._hurries_since) + ANSWER_SECONDS):
                    session.shut_down()
