"""A question on its way, and its one end.

The thing that the bridge (``bridge/bridge.py``) and whoever waits (``asking.py``) share across
threads and loops. It does no I/O.
"""

import threading
from concurrent.futures import Future
from datetime import datetime, timezone

from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    HumanInputCancelled,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.ids import new_event_id


class PendingRequest:
    """Ends once, by the first of `settle`, `refuse`, `withdraw` and `let_go`.

    Attributes:
        request: What was asked.
        outcome: Becomes the event that closed the request, or the server's refusal.
        posted: Done when the server has the question on disk.
        taken_up: Set when the bridge has begun to carry it.
        withdrawn: Why nobody waits any more, if it ended that way.
    """

    def __init__(self, request: HumanInputRequired) -> None:
        self.request = request
        self.outcome: Future[ClosingEvent] = Future()
        self.posted: Future[None] = Future()
        self.taken_up = threading.Event()
        self.withdrawn: CancelReason | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return not self.outcome.done()

    def settle(self, closing: ClosingEvent) -> None:
        """End it with the event that closed it on the server."""
        with self._lock:
            if self.is_open:
                self.outcome.set_result(closing)

    def refuse(self, error: HitlError) -> None:
        """End it with the server's refusal."""
        with self._lock:
            if self.is_open:
                self.outcome.set_exception(error)

    def let_go(self) -> None:
        """End it here and leave it open on the server: it needs nobody who waits."""
        with self._lock:
            self.outcome.cancel()

    def withdraw(self, reason: CancelReason) -> bool:
        """End it because nobody waits any more; False when it had ended already."""
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
