"""A question that is waiting for its outcome.

The bridge (``bridge/bridge.py``) and the code that waits (``asking.py``) share this object across
threads and event loops. It does no I/O.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Final

from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    HumanInputCancelled,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.ids import new_event_id

_NO_FILES: Final[Mapping[str, File]] = MappingProxyType({})


class PendingRequest:
    """A question's outcome, set once by the first of `settle`, `refuse`, `withdraw` and `let_go`.

    Attributes:
        request: The question; it changes while it is not posted, if a file cannot be uploaded.
        files: The files of its attachments, by their names there.
        outcome: Becomes the event that closed the request, or the server's refusal.
        posted: Done when the server has the question on disk.
        taken_up: Set when the bridge has begun to publish it.
        withdrawn: Why it was withdrawn, if it was.
    """

    def __init__(self, request: HumanInputRequired, files: Mapping[str, File] = _NO_FILES) -> None:
        self.request = request
        self.files = files
        self.outcome: Future[ClosingEvent] = Future()
        self.posted: Future[None] = Future()
        self.taken_up = threading.Event()
        self.withdrawn: CancelReason | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the question has not ended yet."""
        return not self.outcome.done()

    def settle(self, closing: ClosingEvent) -> None:
        """End the wait with the event that closed the question on the server."""
        with self._lock:
            if self.is_open:
                self.outcome.set_result(closing)

    def refuse(self, error: HitlError) -> None:
        """End the wait with the server's refusal."""
        with self._lock:
            if self.is_open:
                self.outcome.set_exception(error)

    def let_go(self) -> None:
        """End the wait and leave the question open on the server: it needs no waiter."""
        with self._lock:
            self.outcome.cancel()

    def withdraw(self, reason: CancelReason) -> bool:
        """End the wait by withdrawing the question; False if it had already ended."""
        with self._lock:
            if not self.is_open:
                return False
            self.withdrawn = reason
            self.outcome.set_result(
                HumanInputCancelled(
                    event_id=new_event_id(),
                    timestamp=datetime.now(timezone.utc),
                    request_id=self.request.request_id,
                    execution_id=self.request.execution_id,
                    reason=reason,
                )
            )
            return True
