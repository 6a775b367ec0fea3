"""Reads a stream over WebSocket, and sends frames on the same connection.

The server sends events, heartbeats and gaps. A frame to the server has a ``ref`` and gets exactly
one ``ack`` or ``error`` with it (``docs/protocol.md``, "Frames up"). Below is the
websockets library; above are ``stream.py``, which reads, and ``async_client.py``, which writes.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urljoin

import websockets
from websockets.asyncio.client import ClientConnection, connect

from crewai_hitl_nb.client.decode import Incoming, Refused, decode_frame
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.errors import (
    Dropped,
    ServerAway,
    Silent,
    TransportUnusable,
    describe,
)
from crewai_hitl_nb.client.http import encoded, refusal_of, stream_error
from crewai_hitl_nb.client.hub import STOPPED, is_hub_page
from crewai_hitl_nb.client.resume import OVER, IdleTimeout, ending_of_close
from crewai_hitl_nb.client.tls import HANDSHAKE_SECONDS, check_scheme, context_for, wrong_address
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadRequest, HitlError
from crewai_hitl_nb.protocol.frames import Ack
from crewai_hitl_nb.protocol.log_lines import logger

_frames_log = logger(f"{__name__}.frames")
_frames_log.setLevel(logging.INFO)  # at DEBUG the library logs the text of each frame


class Socket:
    """One open WebSocket. :func:`open_socket` makes and closes it."""

    def __init__(self, connection: ClientConnection, idle: IdleTimeout) -> None:
        self._connection = connection
        self._idle = idle
        self._is_silent = False
        self._refs = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    async def incoming(self) -> AsyncGenerator[Incoming, None]:
        """Yield frames until the connection ends, and pass replies to :meth:`send`.

        Raises:
            ServerAway: It ended, and a new connection may help: ``Silent`` if nothing came for
                too long, ``Dropped`` if it broke without a close frame.
            HitlError: The server closed it for good.
        """
        try:
            while True:
                frame = decode_frame(await self._receive())
                if isinstance(frame, Ack | Refused):
                    self._settle(frame)
                elif frame is not None:
                    yield frame
        except websockets.ConnectionClosed as closed:
            if self._is_silent:
                raise Silent("nothing came down the WebSocket") from None
            raise _closing_error(closed) from None
        finally:
            self._abandon()

    async def send(self, kind: str, **fields: Any) -> Any:
        """Send a frame to the server and return the body of its ``ack``.

        Raises:
            ServerAway: The connection ended before the reply, and the frame may have taken effect.
                An idempotent frame can be sent again over the next connection.
            HitlError: The server's refusal.
        """
        ref = str(next(self._refs))
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[ref] = reply
        try:
            frame = encoded({"type": kind, "ref": ref, **fields})
            await self._connection.send(frame, text=True)
            return await reply
        except websockets.ConnectionClosed:
            raise ServerAway("the connection was lost before the server replied") from None
        finally:
            self._waiting.pop(ref, None)

    async def _receive(self) -> str | bytes:
        """Return the next frame; end the connection when nothing comes for too long."""
        loop = asyncio.get_running_loop()
        watch = loop.call_later(self._idle.seconds, self._give_up)
        try:
            return await self._connection.recv()
        finally:
            watch.cancel()

    def _give_up(self) -> None:
        self._is_silent = True
        self._connection.transport.abort()

    def _settle(self, frame: Ack | Refused) -> None:
        reply = self._waiting.get(frame.ref or "")
        if reply is None or reply.done():
            return
        if isinstance(frame, Ack):
            reply.set_result(frame.body)
        else:
            reply.set_exception(frame.error)

    def _abandon(self) -> None:
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(ServerAway("the connection was lost before the reply"))


@asynccontextmanager
async def open_socket(
    endpoint: Endpoint,
    path: str,
    params: Mapping[str, str],
    *,
    seconds: float,
    idle: IdleTimeout,
) -> AsyncIterator[Socket]:
    """Open a WebSocket and close it when done; see :func:`open_connection`."""
    async with open_connection(endpoint, path, params, seconds=seconds) as connection:
        yield Socket(connection, idle)


@asynccontextmanager
async def open_connection(
    endpoint: Endpoint, path: str, params: Mapping[str, str], *, seconds: float
) -> AsyncIterator[ClientConnection]:
    """Open a WebSocket without reading from it, and close it when done.

    Args:
        endpoint: Where, and with which token.
        path: ``ws/human-input``, or a path below it.
        params: The query parameters of the stream.
        seconds: The longest wait for the handshake.

    Raises:
        ServerAway: The server cannot be reached.
        TransportUnusable: The server can be reached, but not by WebSocket.
        WrongAddress: The URL is not that of a server, so waiting does not help.
        HitlError: The server's refusal.
    """
    url = urljoin(endpoint.url, path).replace("http", "ws", 1)
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    try:
        connection = await connect(
            f"{url}?{urlencode(params)}" if params else url,
            additional_headers=headers,
            proxy=None if endpoint.is_loopback else True,
            **_encrypted(endpoint.url),
            open_timeout=seconds,
            close_timeout=1.0,
            compression=None,  # frames are small and mostly local: latency matters, not size
            max_size=limits.MAX_BODY_BYTES,
            ping_interval=None,  # the server's heartbeats show that it is alive
            logger=_frames_log,
        )
    except websockets.InvalidStatus as error:
        if is_hub_page(error.response.status_code, error.response.headers):
            raise ServerAway(STOPPED) from None
        status, content = error.response.status_code, bytes(error.response.body or b"")
        raise stream_error(refusal_of(status, content), status, content, "websocket") from None
    except asyncio.TimeoutError as error:  # an OSError from Python 3.11 on, so it comes first
        raise TransportUnusable(f"no WebSocket at {endpoint.url} within {seconds:g} s") from error
    except OSError as error:
        if (wrong := wrong_address(endpoint.url, error)) is not None:
            raise wrong from error
        if isinstance(error, ConnectionResetError | ConnectionAbortedError):
            await check_scheme(endpoint.url)
        raise ServerAway(f"{endpoint.url} cannot be reached: {describe(error)}") from error
    except websockets.InvalidHandshake as error:
        if isinstance(error, websockets.InvalidMessage):
            await check_scheme(endpoint.url)
        raise TransportUnusable(f"no WebSocket at {endpoint.url}: {error}") from error
    try:
        yield connection
    finally:
        await connection.close()


def _encrypted(url: str) -> dict[str, Any]:
    context = context_for(url)
    if context is None:
        return {}
    return {"ssl": context, "ssl_handshake_timeout": HANDSHAKE_SECONDS}


def _closing_error(closed: websockets.ConnectionClosed) -> HitlError:
    if closed.rcvd is None:
        return Dropped("the connection was lost")
    code, reason = closed.rcvd.code, closed.rcvd.reason
    ending = ending_of_close(code, was_live=False)
    if ending in OVER:
        return BadRequest(reason or f"the server closed the stream for good, with {code}")
    kind = Dropped if ending == "unusable" else ServerAway
    return kind(f"the stream was closed ({code}) {reason}".rstrip())
