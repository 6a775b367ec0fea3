"""The open requests as the broker keeps them: light, because most of a question is its text.

A small question is kept whole, so that an answer to it is checked at once. Of a larger one there
are only the fields that timers, presence and lists need; the rest is in the log until
somebody reads it.
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
    """They, by id, in asking order.

    Attributes:
        size: What they come to in the log, in bytes.
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
        """Keep a request, of so many bytes, which this process waits for; return it as kept."""
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

    def awaited_by(self, waiter: Waiter) -> Sequence[HumanInputRequired]:
        """Return what a process waits for; thousands of them may be lost at once."""
        return [self._all[name].required for name in self._by_waiter.get(waiter, ())]

    def get(self, request_id: str) -> HumanInputRequired | None:
        """Return what is kept of a request."""
        one = self._all.get(request_id)
        return None if one is None else one.required

    def whole(self, request_id: str) -> HumanInputRequired | None:
        """Return a request if all of it is kept here."""
        one = self._all.get(request_id)
        return one.required if one is not None and one.whole else None

    def size_of(self, request_id: str) -> int:
        """Return what a request comes to in the log."""
        one = self._all.get(request_id)
        return one.size if one is not None else 0


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
