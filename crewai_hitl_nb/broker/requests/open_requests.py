"""The open requests in memory, without the large texts of large questions.

A small question is kept complete, so that an answer to it is checked at once. For a larger one
only the fields that timers, presence and lists need are kept; the rest is read from the log when
it is needed.
"""

from collections.abc import Iterator, Sequence

import msgspec

from crewai_hitl_nb.broker.requests.presence import Waiter
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired, Response, Source


class _Open(msgspec.Struct, frozen=True, gc=False):
    required: HumanInputRequired
    size: int
    whole: bool
    waiter: Waiter | None


class OpenRequests:
    """The open requests, by id, in the order in which they were asked.

    Attributes:
        size: Their total size in the log, in bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._all: dict[str, _Open] = {}
        self._by_waiter: dict[Waiter, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._all

    def __iter__(self) -> Iterator[HumanInputRequired]:
        return iter([one.required for one in self._all.values()])

    def opened(
        self, required: HumanInputRequired, size: int, waiter: Waiter | None = None
    ) -> HumanInputRequired:
        """Keep a request of this many bytes, with its waiting process; return it as kept."""
        self.closed(required.request_id)  # a server that starts may read it and follow its commit
        whole = size <= limits.OPEN_REQUEST_BYTES
        kept = required if whole else _light(required)
        self._all[required.request_id] = _Open(kept, size, whole, waiter)
        if waiter is not None:
            self._by_waiter.setdefault(waiter, {})[required.request_id] = None
        self.size += size
        return kept

    def closed(self, request_id: str) -> HumanInputRequired | None:
        """Forget a request; return what was kept of it."""
        one = self._all.pop(request_id, None)
        if one is None:
            return None
        self.size -= one.size
        if one.waiter is not None:
            mine = self._by_waiter[one.waiter]
            del mine[request_id]
            if not mine:
                del self._by_waiter[one.waiter]
        return one.required

    def clear(self) -> None:
        """Forget all requests."""
        self.size = 0
        self._all.clear()
        self._by_waiter.clear()

    def awaited_by(self, waiter: Waiter) -> Sequence[HumanInputRequired]:
        """Return the requests that a process waits for; thousands may be lost at once."""
        return [self._all[name].required for name in self._by_waiter.get(waiter, ())]

    def get(self, request_id: str) -> HumanInputRequired | None:
        """Return what is kept of a request."""
        one = self._all.get(request_id)
        return None if one is None else one.required

    def whole(self, request_id: str) -> HumanInputRequired | None:
        """Return a request if all of it is kept here."""
        one = self._all.get(request_id)
        return one.required if one is not None and one.whole else None


def _light(required: HumanInputRequired) -> HumanInputRequired:
    return msgspec.structs.replace(
        required,
        prompt="",
        context="",
        reason_flags={},
        response=Response(on_expiry=required.response.on_expiry),
        source=Source(id=required.source.id),
        draft=None,
        history=(),
        pause=None,
    )
