"""Who reads: how many subscriptions each caller has, over which transport, and how they ended.

The broker tells it of every subscription that begins and ends; limits and metrics look here.
It holds no subscription and no name of a caller who has none.
"""

from collections import Counter
from typing import Literal, TypeAlias

import msgspec

Transport: TypeAlias = Literal["websocket", "sse", "poll", "inside"]
"""``inside``: the server's own, such as webhooks."""

Ending: TypeAlias = Literal["left", "slow", "server_stopped"]


class Reader(msgspec.Struct, frozen=True):
    """For whom a subscription is."""

    owner: str = ""
    transport: Transport = "inside"


class Readers:
    """Counts them."""

    def __init__(self) -> None:
        self.by_transport: Counter[Transport] = Counter()
        self.endings: Counter[tuple[Transport, Ending]] = Counter()
        self._by_owner: Counter[str] = Counter()

    def of(self, owner: str) -> int:
        """Return how many subscriptions a caller has."""
        return self._by_owner[owner]

    def began(self, reader: Reader) -> None:
        """One more."""
        self.by_transport[reader.transport] += 1
        self._by_owner[reader.owner] += 1

    def ended(self, reader: Reader, how: Ending) -> None:
        """One less."""
        self.by_transport[reader.transport] -= 1
        self.endings[reader.transport, how] += 1
        self._by_owner[reader.owner] -= 1
        if not self._by_owner[reader.owner]:
            del self._by_owner[reader.owner]
