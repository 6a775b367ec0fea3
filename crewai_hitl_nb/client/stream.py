"""Reads one stream across reconnects and transports.

The loop around the rules of ``resume.py``: choose a transport, connect, read until the connection
is lost, wait, resume. Above it are the clients and the kernel's bridge; below it are the
transports. It knows nothing of requests or answers.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import httpx

from crewai_hitl_nb.client.decode import Incoming
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.errors import Dropped, Silent, TransportUnusable
from crewai_hitl_nb.client.http import segment
from crewai_hitl_nb.client.resume import (
    Backoff,
    Cursor,
    Ending,
    Fallback,
    IdleTimeout,
    Replay,
    Transport,
    ending_of_close,
    ending_of_silence,
)
from crewai_hitl_nb.client.transports.poll import poll_events
from crewai_hitl_nb.client.transports.sse import read_events
from crewai_hitl_nb.client.transports.websocket import Socket, open_socket
from crewai_hitl_nb.protocol.errors import Unavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.protocol.log_lines import described, logger

_log = logger(__name__)


@dataclass(frozen=True)
class Connected:
    """The connection is live: its replay is over.

    Attributes:
        transport: The transport in use.
        socket: The open WebSocket, to send frames over; None for the other transports.
    """

    transport: Transport
    socket: Socket | None


@dataclass(frozen=True)
class Disconnected:
    """The connection is lost; the stream reconnects by itself."""

    reason: str


StreamItem: TypeAlias = Event | Gap | Connected | Disconnected


@dataclass(frozen=True)
class Subscription:
    """Which events to read.

    Attributes:
        execution_id: Only this execution; None for all that the caller may see.
        types: Only these event types; empty for all.
        replay: Which events come first without a last event id; None for the server's default.
        source: Makes this connection the waiter with that ``source.id``.
    """

    execution_id: str | None = None
    types: tuple[str, ...] = ()
    replay: Replay | None = None
    source: str | None = None

    def path(self, kind: str) -> str:
        """Return the path below the prefix, for ``ws``, ``events`` or ``poll``."""
        below = f"/{segment(self.execution_id)}" if self.execution_id is not None else ""
        return f"{kind}/human-input{below}"

    def parameters(self, cursor: Cursor) -> dict[str, str]:
        """Return the query parameters of the next connection."""
        params = cursor.parameters(self.replay)
        if self.types:
            params["type"] = ",".join(self.types)
        if self.source is not None:
            params["source"] = self.source
        return params


class Stream:
    """Reads one subscription, across reconnects.

    Args:
        http: The HTTP client for SSE and poll; the stream does not close it.
        endpoint: Where the server is.
        subscription: Which events to read.
        cursor: Where to resume; moves while the stream is read.
        backoff: The pauses between attempts.
        fallback: Chooses the transport of each attempt.
        idle: How long a connection may be silent.
        seconds: The longest wait for a connection.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        endpoint: Endpoint,
        subscription: Subscription,
        *,
        cursor: Cursor,
        backoff: Backoff,
        fallback: Fallback,
        idle: IdleTimeout,
        seconds: float,
    ) -> None:
        self._http = http
        self._endpoint = endpoint
        self._subscription = subscription
        self._cursor = cursor
        self._backoff = backoff
        self._fallback = fallback
        self._idle = idle
        self._is_live = False
        self._seconds = seconds

    async def items(self) -> AsyncGenerator[StreamItem, None]:
        """Yield events, gaps, and changes of the connection, until closed.

        Every event comes once, in offset order. After a :class:`Gap` the full retained
        state follows, which may repeat what came before the gap.

        Raises:
            HitlError: The server refuses the stream for good.
        """
        while True:
            transport = self._fallback.choose(time.monotonic())
            self._is_live = False
            self._idle.connecting()
            try:
                async with (
                    self._open(transport) as (incoming, live),
                    aclosing(incoming),
                    aclosing(self._read(incoming, live)) as items,
                ):
                    async for item in items:
                        yield item
                reason, retry_after = "the stream ended", 0.0
            except (TransportUnusable, Unavailable) as error:
                self._fallback.ended(self._ending_of(error), time.monotonic())
                reason = described(error)
                retry_after = error.retry_after if isinstance(error, Unavailable) else 0.0
            _log.debug("stream over %s lost: %s", transport, reason)
            yield Disconnected(reason)
            await asyncio.sleep(self._backoff.pause(retry_after))

    def _ending_of(self, error: TransportUnusable | Unavailable) -> Ending:
        """Return what the failure of a connection means, in the words of ``resume.py``.

        Raises:
            HitlError: The server refused the stream, and there is no lesser transport to try.
        """
        if isinstance(error, TransportUnusable):
            if error.refusal is not None and self._fallback.is_last:
                raise error.refusal from error
            return "unusable"
        if isinstance(error, Dropped):
            return ending_of_close(None, was_live=self._is_live)
        if isinstance(error, Silent):
            if self._is_live:
                self._idle.expired()
            return ending_of_silence(was_live=self._is_live)
        return "unreachable"

    async def _read(
        self, incoming: AsyncGenerator[Incoming, None], live: Connected
    ) -> AsyncGenerator[StreamItem, None]:
        async for frame in incoming:
            if isinstance(frame, Heartbeat):
                self._idle.heartbeat(time.monotonic())
                if not self._is_live:
                    self._is_live = True
                    self._backoff.reset()
                    self._fallback.live()
                    yield live
                if lost := self._cursor.lost_history(frame.epoch):
                    yield lost
                    return
            elif isinstance(frame, Gap):
                self._cursor.gap(frame)
                yield frame
            elif self._cursor.takes(frame):
                yield frame

    @asynccontextmanager
    async def _open(
        self, transport: Transport
    ) -> AsyncIterator[tuple[AsyncGenerator[Incoming, None], Connected]]:
        if transport == "websocket":
            async with open_socket(
                self._endpoint,
                self._subscription.path("ws"),
                self._parameters(),
                seconds=self._seconds,
                idle=self._idle,
            ) as socket:
                yield socket.incoming(), Connected(transport, socket)
            return
        read = read_events if transport == "sse" else poll_events
        path = self._subscription.path("events" if transport == "sse" else "poll")
        yield read(self._http, path, self._parameters(), self._idle), Connected(transport, None)

    def _parameters(self) -> Mapping[str, str]:
        return self._subscription.parameters(self._cursor)
