"""The three ways to read a stream, behind one face: a test of reading is written once.

A reader yields frames: events and gaps as they come, and a heartbeat. What WebSocket and
SSE say with their first heartbeat, that the replay is over, the poll reader says itself
after its first reply. Each reader checks by the way what only its transport promises.
"""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import anyio
import httpx
import httpx_sse
import websockets

from tests.server.door import PATIENCE_SECONDS, Address, Json, client, socket

TRANSPORTS = ("ws", "sse", "poll")

_HOLD_SECONDS = "10"


class Source(Protocol):
    """One connection by one transport."""

    async def frame(self) -> Json:
        """Return the next frame."""


class Reader:
    """One reader of a stream, and where it stands."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.gaps: list[Json] = []
        self.heartbeats: list[Json] = []

    async def frame(self) -> Json:
        """Return the next frame, whatever it is."""
        with anyio.fail_after(PATIENCE_SECONDS):
            frame = await self._source.frame()
        if frame["type"] == "gap":
            self.gaps.append(frame)
        if frame["type"] == "heartbeat":
            self.heartbeats.append(frame)
        return frame

    async def event(self) -> Json:
        """Return the next event."""
        while (frame := await self.frame())["type"] in ("gap", "heartbeat"):
            pass
        return frame

    async def replayed(self) -> list[Json]:
        """Return the events up to the sign that the replay is over."""
        events = []
        while (frame := await self.frame())["type"] != "heartbeat":
            if frame["type"] != "gap":
                events.append(frame)
        return events

    async def until(self, event_id: str) -> list[Json]:
        """Return the events up to and with this one."""
        events = [await self.event()]
        while events[-1]["event_id"] != event_id:
            events.append(await self.event())
        return events


class Socket:
    """The frames of a WebSocket."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection

    async def frame(self) -> Json:
        decoded: Json = json.loads(await self._connection.recv())
        return decoded


class _Sse:
    def __init__(self, events: AsyncIterator[httpx_sse.ServerSentEvent]) -> None:
        self._events = events
        self._last_id = ""

    async def frame(self) -> Json:
        while not (block := await anext(self._events)).data:
            pass  # httpx-sse shows the block with `retry:`, which a browser would not
        decoded: Json = json.loads(block.data)
        if decoded["type"] == "heartbeat":
            assert block.event == "heartbeat"  # EventSource.onmessage never sees it
        else:
            assert block.event == "message"
        if "event_id" in decoded:
            self._last_id = decoded["event_id"]
        assert block.id == self._last_id  # only an event moves the place to resume from
        return decoded


class _Poll:
    def __init__(self, http: httpx.AsyncClient, path: str, params: dict[str, str]) -> None:
        self._http = http
        self._path = path
        self._params = params
        self._frames: deque[Json] = deque()
        self._live = False

    async def frame(self) -> Json:
        while not self._frames:
            await self._ask()
        return self._frames.popleft()

    async def _ask(self) -> None:
        hold = {"timeout": _HOLD_SECONDS} if self._live else {}
        reply = await self._http.get(self._path, params={**self._params, **hold})
        reply.raise_for_status()
        body = reply.json()
        if "gap" in body:
            self._frames.append(body["gap"])
        self._frames.extend(body["events"])
        self._params["last_event_id"] = body["last_event_id"] or ""
        self._http.headers.pop("Last-Event-ID", None)
        if not self._live:
            self._live = True
            self._frames.append({"type": "heartbeat", "epoch": body["epoch"]})


@asynccontextmanager
async def _by_socket(
    address: Address, tail: str, params: dict[str, str], headers: dict[str, str]
) -> AsyncIterator[Source]:
    async with socket(address, "ws/" + tail, headers, **params) as connection:
        yield Socket(connection)


@asynccontextmanager
async def _by_sse(
    address: Address, tail: str, params: dict[str, str], headers: dict[str, str]
) -> AsyncIterator[Source]:
    async with (
        client(address, **headers) as http,
        httpx_sse.aconnect_sse(http, "GET", "events/" + tail, params=params) as source,
    ):
        source.response.raise_for_status()
        events = source.aiter_sse()
        yield _Sse(events)


@asynccontextmanager
async def _by_poll(
    address: Address, tail: str, params: dict[str, str], headers: dict[str, str]
) -> AsyncIterator[Source]:
    async with client(address, **headers) as http:
        yield _Poll(http, "poll/" + tail, dict(params))


_OPENERS = {"ws": _by_socket, "sse": _by_sse, "poll": _by_poll}


@asynccontextmanager
async def reading(
    transport: str,
    address: Address,
    execution: str = "",
    *,
    headers: dict[str, str] | None = None,
    **params: str,
) -> AsyncIterator[Reader]:
    """Read by one of the transports.

    Args:
        transport: One of ``TRANSPORTS``.
        address: The server.
        execution: ``/…`` reads one execution, percent-encoded; nothing reads all.
        headers: Beside the token.
        params: Stream parameters.
    """
    opener: AbstractAsyncContextManager[Source] = _OPENERS[transport](
        address, "human-input" + execution, params, headers or {}
    )
    async with opener as source:
        yield Reader(source)
