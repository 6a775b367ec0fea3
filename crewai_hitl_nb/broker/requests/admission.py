"""Checks what callers publish, before the store sees it.

The number and size of open requests are capped. An event about a request gets the request's ids,
and a published answer obeys the same rule as any other. No event passes unchecked: a question that
another call is just storing is unknown here, so an event about it is refused.

Above is the broker, which appends what is admitted. Whether a request is still open is not decided
here: the store decides that in the transaction that writes the event.
"""

from collections.abc import Awaitable, Callable, Sequence

from crewai_hitl_nb.broker.requests import answers
from crewai_hitl_nb.broker.requests.open_requests import OpenRequests
from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputRequired,
    UnknownEvent,
    placed,
    request_id_of,
)
from crewai_hitl_nb.protocol.state import Request


class Admission:
    """Admits the events of a call, or refuses all of them.

    Attributes:
        max_pending: Most open requests at once.
        max_pending_bytes: Most bytes that they may take in the log.
    """

    def __init__(
        self,
        open_requests: OpenRequests,
        find: Callable[[str], Awaitable[Request]],
        *,
        max_pending: int,
        max_pending_bytes: int,
    ) -> None:
        """Take the open requests, which the caller keeps up to date.

        Args:
            open_requests: What is kept of them in memory.
            find: Reads a request from the log; raises UnknownRequest.
            max_pending: See the class.
            max_pending_bytes: See the class.
        """
        self._open = open_requests
        self._find = find
        self.max_pending = max_pending
        self.max_pending_bytes = max_pending_bytes

    async def admit(self, events: Sequence[Event]) -> list[Event]:
        """Return the events as they may be stored.

        A question in the log wins over one with the same id in the batch, which may be a looser
        copy under the same event id.

        Raises:
            InvalidAnswer: A published answer does not fit its request.
            InvalidEvent: An event about a request names another execution, crew, task or agent.
            UnknownRequest: An event is about a request that was never asked.
            TooMany: Too many requests are open.
        """
        asked = {e.request_id: e for e in events if isinstance(e, HumanInputRequired)}
        if asked:
            self._cap(sum(isinstance(event, HumanInputRequired) for event in events))
        admitted: list[Event] = []
        for event in events:
            request_id = request_id_of(event)
            if request_id is None or isinstance(event, UnknownEvent | HumanInputRequired):
                admitted.append(event)
                continue
            required = self._open.whole(request_id)
            if required is None and request_id not in self._open:
                required = asked.get(request_id)
            if required is None:
                required = (await self._find(request_id)).required
            admitted.append(answers.settled(required, placed(required, event)))
        return admitted

    def _cap(self, asking: int) -> None:
        if len(self._open) + asking > self.max_pending:
            said = f"{len(self._open)} requests are open on this server"
        elif self._open.size >= self.max_pending_bytes:
            said = f"the open requests take {self._open.size >> 20} MB"
        else:
            return
        raise TooMany(f"{said}; answer or cancel some first", retry_after=5)
