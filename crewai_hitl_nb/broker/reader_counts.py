"""Counts subscriptions by caller, by transport and by how they ended.

The broker calls it when a subscription begins and when it ends; limits and metrics read it.
It holds no subscription, and forgets a caller with the last of theirs.
"""

from collections import Counter
from typing import Literal, TypeAlias

import msgspec

Transport: TypeAlias = Literal["websocket", "sse", "poll", "inside"]
"""``inside``: the server's own, such as webhooks."""

Ending: TypeAlias = Literal["left", "slow", "server_stopped"]


class Reader(msgspec.Struct, frozen=True):
    """The caller of a subscription, and its transport."""

    owner: str = ""
    transport: Transport = "inside"


class Readers:
    """Counters of subscriptions."""

    def __init__(self) -> None:
        self.by_transport: Counter[Transport] = Counter()
        self.endings: Counter[tuple[Transport, Ending]] = Counter()
        self._by_owner: Counter[str] = Counter()

    def of(self, owner: str) -> int:
        """Return how many subscriptions a caller has."""
        return self._by_owner[owner]

    def began(self, reader: Reader) -> None:
        """Count a new subscription."""
        self.by_transport[reader.transport] += 1
        self._by_owner[reader.owner] += 1

    def ended(self, reader: Reader, how: Ending) -> None:
        """Count a subscription that ended, and how."""
        self.by_transport[reader.transport] -= 1
        self.endings[reader.transport, how] += 1
        self._by_owner[reader.owner] -= 1
        if not self._by_owner[reader.owner]:
            del self._by_owner[reader.owner]
