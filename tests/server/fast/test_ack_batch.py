"""AckBatch that are due together go out together, whole, in order, and never behind a close."""

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import websockets
from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13, _WebSocketParams

from crewai_hitl_nb.server.encoders import text_frames
from crewai_hitl_nb.server.fast.ack_batch import AckBatch
from crewai_hitl_nb.server.fast.direct_writer import DirectWriter
from tests.server.door import PATIENCE_SECONDS, Door, until
from tests.server.door import socket as websocket

TURNS = 3000
"""Of the loop, in which both sides live: enough to read all that was sent."""


@contextmanager
def pair(kind: socket.SocketKind) -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    with near, far:
        far.setblocking(False)
        yield near, far


@asynccontextmanager
async def connected(
    kind: socket.SocketKind = socket.SOCK_SEQPACKET,
) -> AsyncIterator[tuple[AckBatch, WebSocketProtocol13, socket.socket]]:
    """Yield the replies of a connection, it, and its other side, which reads write by write."""
    handler: Any = None
    with pair(kind) as (near, far), anyio.fail_after(PATIENCE_SECONDS):
        connection = WebSocketProtocol13(handler, False, _WebSocketParams())
        connection.stream = IOStream(near)
        yield AckBatch(connection), connection, far
        connection.stream.close()


async def test_replies_of_one_turn_of_the_loop_are_one_write_in_their_order() -> None:
    loop = asyncio.get_running_loop()
    async with connected() as (replies, _, far):
        for reply in (b"one", b"two", b"three"):
            loop.call_soon(replies.add, reply)
        assert await loop.sock_recv(far, 1000) == text_frames([b"one", b"two", b"three"])
        replies.add(b"four")
        assert await loop.sock_recv(far, 1000) == text_frames([b"four"])


async def test_what_is_flushed_goes_at_once_and_not_again() -> None:
    loop = asyncio.get_running_loop()
    async with connected() as (replies, _, far):
        replies.add(b"one")
        replies.flush()
        assert far.recv(1000) == text_frames([b"one"])
        replies.add(b"two")
        assert await loop.sock_recv(far, 1000) == text_frames([b"two"])


async def test_nothing_is_said_behind_a_close() -> None:
    async with connected() as (replies, connection, far):
        connection.client_terminated = True  # or Tornado waits for the other side's
        replies.add(b"late")
        connection.close(1000)
        replies.flush()
        assert far.recv(1000) == b"\x88\x02\x03\xe8"
        assert far.recv(1000) == b""


async def test_who_does_not_read_the_replies_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    said = text_frames([b"x" * 4_000_000])
    async with connected(socket.SOCK_STREAM) as (replies, _, far):
        await replies.room()
        replies.add(b"x" * 4_000_000)
        replies.flush()
        waiting = asyncio.ensure_future(replies.room())
        read = await loop.sock_recv(far, 1 << 16)
        assert not waiting.done()
        while len(read) < len(said):
            read += await loop.sock_recv(far, 1 << 20)
        await waiting
        assert read == said


async def test_who_leaves_instead_is_waited_for_no_more() -> None:
    async with connected(socket.SOCK_STREAM) as (replies, _, far):
        replies.add(b"x" * 4_000_000)
        replies.flush()
        waiting = asyncio.ensure_future(replies.room())
        far.close()
        await waiting


async def test_a_socket_whose_replies_are_not_read_is_read_no_further(door: Door) -> None:
    replies = 300
    async with websocket(door) as connection:
        (stream,) = await until(live_streams, lambda streams: len(streams) == 1)
        await connection.recv()  # the heartbeat behind its replay
        said = asyncio.ensure_future(complain(connection, replies))
        for _ in range(TURNS):
            await asyncio.sleep(0)
            assert len(stream._write_buffer) < 1_000_000
        assert stream.writing()
        assert not said.done()
        for _ in range(replies):
            assert json.loads(await connection.recv())["type"] == "error"
        await said


async def live_streams() -> list[IOStream]:
    """Return the streams of the sockets that are live in this process."""
    writers = [one for one in gc.get_objects() if type(one) is DirectWriter]  # else a proxy answers
    return [one._stream for one in writers if one.audience is not None]


async def complain(connection: websockets.ClientConnection, times: int) -> None:
    """Send frames that are refused with a reply of their own size."""
    for _ in range(times):
        await connection.send(json.dumps({"type": "none", "ref": "x" * 60_000}))
