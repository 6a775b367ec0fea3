"""The connection of this process to the server, kept up for as long as the process runs.

It runs on the bridge's loop. Below it is the client's stream, which reconnects; above it is
``bridge/bridge.py``, which waits until it is live and sends on it. On every transport it names
this process as the waiter. Where no WebSocket gets through, frames are sent as calls beside it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing
from typing import Any, Final

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.stream import Connected, Disconnected, Subscription
from crewai_hitl_nb.client.transports.websocket import Socket
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import HitlError, Unavailable
from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    UnknownEvent,
)
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.runs import RUN_CANCEL_REQUESTED
from crewai_hitl_nb.protocol.state import CLOSING_TYPES

_log = logger(__name__)

HEARD_TYPES: Final = (*CLOSING_TYPES, RUN_CANCEL_REQUESTED)

LOSSES_BEFORE_WARNING: Final = 3
"""A person need not know of one lost connection, but of three in a row."""


class Link:
    """The connection, whether it is live or lost.

    Args:
        client: Talks to the server.
        source_id: Names this process as the waiter.
        closed: Called with each event that closes a request of any process.
        heard: Called with each event that asks something of a run of any process.
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
        """Done when the first attempt to connect has succeeded or failed."""
        self.trouble: str | None = None
        """Why the server has not been reached yet; None before the first attempt."""

    async def keep(self) -> None:
        """Keep the connection up, until cancelled.

        Raises:
            HitlError: The server refuses this process before it was ever connected. After that
                the connection is tried again and again: the server may come back configured
                otherwise.
        """
        while True:
            try:
                await self._follow()
            except HitlError as error:
                if self.number == 0:
                    raise
                _log.warning("%s now refuses this kernel: %s", self._client.endpoint.url, error)
            await self._send_through(None)
            await asyncio.sleep(limits.RECONNECT_MAX_SECONDS)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is checked after each change."""
        async with self._turned:
            await self._turned.wait_for(condition)

    async def changed(self) -> None:
        """Let those who wait in :meth:`until` check their condition again."""
        async with self._turned:
            self._turned.notify_all()

    @property
    def is_live(self) -> bool:
        """Whether there is a live connection."""
        return self._up is not None

    async def send(self, kind: str, **fields: Any) -> Any:
        """Send a frame up and return the body of its ``ack``.

        Raises:
            Unavailable: Nobody knows whether it was done; send it again when live.
            HitlError: The server's refusal.
        """
        if self._up is None:
            raise Unavailable("there is no connection now")
        return await self._up.send(kind, **fields)

    async def tell(self, kind: str, **fields: Any) -> Any:
        """Send an idempotent frame until it is done, over as many connections as it takes.

        Raises:
            HitlError: The server's refusal.
        """
        while True:
            await self.until(lambda: self.is_live)
            try:
                return await self.send(kind, **fields)
            except Unavailable as error:
                _log.debug("%s is sent again: %s", kind, error)
                await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))

    async def _follow(self) -> None:
        """Read this process's stream until the server refuses it for good."""
        subscription = Subscription(types=HEARD_TYPES, replay="none", source=self._source_id)
        stream = self._client.stream(subscription)
        async with aclosing(stream.items()) as items:
            async for item in items:
                if isinstance(item, Connected):
                    await self._connected(item)
                elif isinstance(item, Disconnected):
                    await self._disconnected(item)
                elif isinstance(item, ClosingEvent):
                    self._closed(item)
                elif isinstance(item, UnknownEvent):  # HEARD_TYPES has one that is unknown
                    self._heard(item)

    def report(self, trouble: str | None) -> None:
        """Say how the attempts to reach the server for the first time are going."""
        self.trouble = trouble
        if not self.first.done():
            self.first.set_result(None)

    async def _connected(self, connection: Connected) -> None:
        self._losses = 0
        self.number += 1
        self.report(None)
        await self._send_through(connection.socket or self._client)

    async def _disconnected(self, lost: Disconnected) -> None:
        self._losses += 1
        if self.number == 0:
            self.report(lost.reason)
        if self._losses == LOSSES_BEFORE_WARNING:
            _log.warning(
                "%s is away (%s); a crew that asks a question waits until it is back",
                self._client.endpoint.url,
                lost.reason,
            )
        await self._send_through(None)

    async def _send_through(self, up: Socket | AsyncClient | None) -> None:
        """Send frames by this from now on; None where there is no connection."""
        self._up = up
        await self.changed()
