"""Tracks waiting processes where several servers share a log: each is connected to one of them.

The servers record their connections in the log's database, and one of them at a time looks for open
requests whose process is connected to none (``base.Coordination``).

It does what ``presence.py`` does for a log with one server; see there for what a waiter is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from crewai_hitl_nb.broker.requests.presence import SourceCallers, Waiter
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.store.coordination import Coordination

_LOOK_SECONDS: Final = 1.0

_AT_ONCE: Final = 500
"""Lost requests that are cancelled after one look."""

_log = logger(__name__)


class SharedPresence:
    """Records this server's connections, and looks for lost processes while it is on duty."""

    def __init__(
        self, coordination: Coordination, lost: Callable[[Sequence[str]], None], grace: float
    ) -> None:
        """Call ``lost`` with the open requests whose process stayed away for ``grace`` seconds."""
        self._coordination = coordination
        self._lost = lost
        self._grace = grace
        self._connections: Counter[Waiter] = Counter()
        self._callers = SourceCallers()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for lost processes."""
        self._looking = asyncio.ensure_future(self._look_forever())

    def named(self, waiter: Waiter) -> None:
        """Remember who first published an event with this source: it belongs to that caller."""
        self._callers.named(waiter)

    def expected(self, waiter: Waiter) -> None:
        """Do nothing: the look for lost processes starts from the open requests."""

    def arrived(self, waiter: Waiter) -> None:
        """Count a connection of that caller for this process."""
        self._connections[waiter] += 1
        if self._connections[waiter] == 1:
            self._coordination.arrived(waiter)

    def left(self, waiter: Waiter) -> None:
        """Stop counting a closed connection."""
        self._connections[waiter] -= 1
        if self._connections[waiter] <= 0:
            del self._connections[waiter]
            self._coordination.left(waiter)

    async def is_near(self, source_id: str) -> bool:
        """Whether it is connected to a server, or has been away for less than the grace period."""
        return await self._coordination.is_near(self._callers.waiter(source_id), self._grace)

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            lost = await self._coordination.lost(self._grace, _AT_ONCE)
        except StoreUnavailable:
            _log.debug("the log cannot be searched for lost processes")
        except Exception as error:  # noqa: BLE001 - requests of lost processes must end
            note_fault(_log, "presence_failed", error)
        else:
            self._lost(lost)
