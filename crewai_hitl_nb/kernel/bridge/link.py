"""The one connection of this process to the server, kept up for as long as it runs.

Lives on the bridge's loop. Below it is the client's stream, which reconnects; above it is
``bridge/bridge.py``, which waits for the connection to be live and sends on it. Whatever
carries it names this process as the waiter. Where no WebSocket gets through, what goes up
goes by calls beside it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing
from typing import Any, Final

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.stream import Live, Lost, Subscription
from crewai_hitl_nb.client.transports.websocket import Socket
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import HitlError, Unavailable
from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputExpired,
    UnknownEvent,
)
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

HEARD_TYPES: Final = (
    "human_input_completed",
    "human_input_cancelled",
    "human_input_expired",
    "run_cancel_requested",
)

LOSSES_BEFORE_WARNING: Final = 3
"""One lost connection is nothing to tell a person about; three in a row are."""


class Link:
    """The connection and its ups and downs.

    Args:
        client: Talks to the server.
        source_id: Names this process as the waiter.
        closed: Called with each event that closes a request, anybody's.
        heard: Called with each event that wants something of a run, anybody's.
    """

    def __init__(
        self,
        client: AsyncClient,
        source_id: str,
        closed: Callable[[ClosingEvent], None],
        heard: Callable[[UnknownEvent], None],
    ) -> None:
        self._client = client
        self._source_id = source_id
        self._closed = closed
        self._heard = heard
        self._up: Socket | AsyncClient | None = None
        self._turned = asyncio.Condition()
        self._losses = 0
        self.number = 0
        """Which connection this is; 0 before the first."""
        self.first: Future[None] = Future()
        """Done when the first attempt to connect has come out, one way or the other."""
        self.trouble: str | None = None
        """Why the server has not been reached yet, if it was tried."""

    async def keep(self) -> None:
        """Keep the connection up, until cancelled.

        Raises:
            HitlError: When the server refuses this process before it was ever connected.
                After that it is asked again and again: it may come back otherwise.
        """
        while True:
            try:
                await self._follow()
            except HitlError as error:
                if self.number == 0:
                    raise
                _log.warning("%s refuses the kernel now: %s", self._client.endpoint.url, error)
            await self._turn(None)
            await asyncio.sleep(limits.RECONNECT_MAX_SECONDS)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever something changed."""
        async with self._turned:
            await self._turned.wait_for(condition)

    async def changed(self) -> None:
        """Say that something changed that somebody may wait for in :meth:`until`."""
        async with self._turned:
            self._turned.notify_all()

    @property
    def is_live(self) -> bool:
        """Whether the connection stands."""
        return self._up is not None

    async def send(self, kind: str, **fields: Any) -> Any:
        """Send a frame up and return the body of its ``ack``.

        Raises:
            Unavailable: When nobody knows whether it was done; send it again when live.
            HitlError: What the server refused with.
        """
        if self._up is None:
            raise Unavailable("there is no connection now")
        return await self._up.send(kind, **fields)

    async def tell(self, kind: str, **fields: Any) -> Any:
        """Send what is idempotent until it is done, over as many connections as it takes.

        Raises:
            HitlError: What the server refused with.
        """
        while True:
            await self.until(lambda: self.is_live)
            try:
                return await self.send(kind, **fields)
            except Unavailable as error:
                _log.debug("%s goes again: %s", kind, error)
                await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))

    async def _follow(self) -> None:
        subscription = Subscription(types=HEARD_TYPES, replay="none", source=self._source_id)
        stream = self._client.stream(subscription)
        async with aclosing(stream.turns()) as turns:
            async for turn in turns:
                if isinstance(turn, Live):
                    self._losses = 0
                    self.number += 1
                    self.note(None)
                    await self._turn(turn.socket or self._client)
                elif isinstance(turn, Lost):
                    await self._lose(turn)
                elif isinstance(
                    turn, HumanInputCompleted | HumanInputCancelled | HumanInputExpired
                ):
                    self._closed(turn)
                elif isinstance(turn, UnknownEvent):
                    self._heard(turn)

    def note(self, trouble: str | None) -> None:
        """Take note of how it stands with a server that was not reached before."""
        self.trouble = trouble
        if not self.first.done():
            self.first.set_result(None)

    async def _lose(self, lost: Lost) -> None:
        self._losses += 1
        if self.number == 0:
            self.note(lost.reason)
        if self._losses == LOSSES_BEFORE_WARNING:
            _log.warning(
                "%s is away (%s); a crew that asks waits and goes on when it is back",
                self._client.endpoint.url,
                lost.reason,
            )
        await self._turn(None)

    async def _turn(self, up: Socket | AsyncClient | None) -> None:
        self._up = up
        await self.changed()
