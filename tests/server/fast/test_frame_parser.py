"""Frames that are read together mean what they mean to Tornado, however their bytes arrive."""

import asyncio
import contextlib
import inspect
import itertools
import socket
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13, _WebSocketParams

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.body_budget import BodyBudget
from crewai_hitl_nb.server.fast import frame_parser
from crewai_hitl_nb.server.fast.idle_websocket import _READ_BYTES, IdleWebSocket
from tests.hostile.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.hostile.test_sockets import RUDE, UNFINISHED
from tests.server.door import PATIENCE_SECONDS

LONGEST = 10 << 20
"""A Jupyter server's own bound for a message."""

TURNS = 200
"""Of the loop, in which both sides live: enough for all that was sent to be heard."""

ENDS_UNSAID = "finally" not in inspect.getsource(WebSocketProtocol13._receive_frame_loop)
"""Whether this Tornado, as 6.4, stops reading with only an error when a handler fails."""

BROKEN = "a text at which the handler breaks"
ABORTED = "a text at which the connection is broken off"


class Handler:
    """Keeps what a protocol tells its handler."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self.closed = asyncio.Event()
        self.connection: WebSocketProtocol13 | None = None
        self.services = SimpleNamespace(bodies=BodyBudget())

    async def on_message(self, message: str | bytes) -> None:
        if message == BROKEN:
            raise ValueError(message)
        if message == ABORTED and self.connection is not None:
            self.connection._abort()
        await asyncio.sleep(0)
        self.heard.append(("message", message))

    def on_first_frame(self) -> None:
        """Only the idle one calls this."""

    def on_ping(self, data: bytes) -> None:
        self.heard.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.heard.append(("pong", data))

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        self.heard.append(("close", (code, reason)))
        self.closed.set()

    def log_exception(self, kind: object, error: BaseException, trace: object) -> None:
        self.heard.append(("broken", repr(error)))
        if ENDS_UNSAID:
            self.closed.set()


class Seen(NamedTuple):
    """What a connection came to: for its handler, and for the other side."""

    heard: list[tuple[str, object]]
    replied: bytes


class Client:
    """The other side of a connection, on a socket of its own."""

    def __init__(self, far: socket.socket) -> None:
        far.setblocking(False)
        self._far = far

    async def send(self, parts: Sequence[bytes]) -> None:
        """Send one part after the other, as far as they are taken, and then the end."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                await asyncio.get_running_loop().sock_sendall(self._far, part)
                await asyncio.sleep(0)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._far.shutdown(socket.SHUT_WR)

    async def receive(self) -> bytes:
        """Return what comes until the end."""
        replied = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await asyncio.get_running_loop().sock_recv(self._far, 1 << 16):
                replied += data
        return replied


async def _seen(protocol: type[WebSocketProtocol13], parts: Sequence[bytes]) -> Seen:
    near, far = socket.socketpair()
    handler: Any = Handler()
    connection = protocol(handler, False, _WebSocketParams(max_message_size=LONGEST))
    connection.stream = IOStream(near)
    handler.connection = connection
    client = Client(far)
    with anyio.fail_after(PATIENCE_SECONDS), far:
        sending = asyncio.ensure_future(client.send(parts))
        receiving = asyncio.ensure_future(client.receive())
        try:
            await connection._receive_frame_loop()
        except ValueError as error:  # Tornado leaves that to the handler's coroutine
            handler.log_exception(type(error), error, error.__traceback__)
        await handler.closed.wait()
        connection.stream.close()
        await sending
        return Seen(handler.heard, await receiving)


def seen(protocol: type[WebSocketProtocol13], *parts: bytes) -> Seen:
    """Return what a protocol makes of bytes that arrive in these parts."""
    return asyncio.run(_seen(protocol, parts))


def text(words: str) -> bytes:
    return frame(TEXT, words.encode())


class HandlerThatNeverWaits(Handler):
    """As the product's for a bad frame: it is refused at once."""

    async def on_message(self, message: str | bytes) -> None:
        self.heard.append(("message", message))


async def test_frames_that_come_without_end_let_other_callers_in_between() -> None:
    near, far = socket.socketpair()
    handler: Any = HandlerThatNeverWaits()
    connection = IdleWebSocket(handler, False, _WebSocketParams(max_message_size=LONGEST))
    connection.stream = IOStream(near)
    handler.connection = connection
    one = text("a")
    heard_at: list[int] = []

    def next_turn() -> None:
        heard_at.append(len(handler.heard))
        asyncio.get_running_loop().call_soon(next_turn)

    next_turn()
    with anyio.fail_after(PATIENCE_SECONDS), far:
        await connection._receive_frame_loop()
        await asyncio.to_thread(far.sendall, one * 150_000)
        far.shutdown(socket.SHUT_WR)
        await handler.closed.wait()
    most = max(b - a for a, b in itertools.pairwise(heard_at))
    assert 0 < most <= _READ_BYTES // len(one) + 1


WORDS = st.sampled_from(["", "a", '{"type":"claim"}', "ü" * 100, "x" * 300, BROKEN, ABORTED])
PLAIN = st.builds(text, WORDS)
OTHER = st.builds(
    frame,
    st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3]),
    st.binary(max_size=130),
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 4]),
    masked=st.sampled_from([True, True, True, False]),
)
PIECES = st.lists(st.binary(max_size=3) | PLAIN | OTHER, max_size=3)


@settings(max_examples=150, deadline=None)
@given(begin=st.lists(PLAIN, max_size=8), end=PIECES, cuts=st.lists(st.integers(0, 2000)))
def test_any_frames_cut_anywhere_are_heard_as_tornado_hears_them(
    begin: list[bytes], end: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(begin + end)
    places = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(places) if data[a:b]]
    assert seen(IdleWebSocket, *parts) == seen(WebSocketProtocol13, data)


@pytest.mark.parametrize("said", [*RUDE.values(), *UNFINISHED.values()], ids=[*RUDE, *UNFINISHED])
def test_what_is_rude_among_good_frames_is_heard_as_tornado_hears_it(said: bytes) -> None:
    data = text("before") * 3 + said + text("behind") * 3
    assert seen(IdleWebSocket, data).heard == seen(WebSocketProtocol13, data).heard


def test_a_thousand_frames_that_come_at_once_are_heard_in_order() -> None:
    words = [f"number {number}" for number in range(1000)]
    heard = seen(IdleWebSocket, b"".join(map(text, words))).heard
    assert heard == [*(("message", one) for one in words), ("close", (None, None))]


def test_plain_frames_are_taken_up_to_the_first_that_is_not() -> None:
    plain = text("one") + text("x" * 200)
    for other in (
        text("cut")[:-1],
        frame(PING),
        frame(TEXT, b"\xff"),
        frame(TEXT, b"part", fin=False),
        frame(TEXT, b"no mask", masked=False),
        text("x" * 70_000),
        text("above the bound" * 20),
        b"\x81",
        b"\x81\xfe\x01",
    ):
        taken = frame_parser.plain_frames(plain + other + text("behind"), longest=250)
        assert (taken.texts, taken.size) == (["one", "x" * 200], len(plain))


def test_a_frame_is_not_taken_before_its_last_byte_is_there() -> None:
    for last in (text("last"), text("last" * 50)):
        for there in range(len(last)):
            assert frame_parser.plain_frames(text("one") + last[:there], LONGEST).texts == ["one"]


def test_no_more_frames_are_taken_at_once_than_may_be_under_way() -> None:
    taken = frame_parser.plain_frames(text("one") * 1000, LONGEST)
    assert len(taken.texts) == limits.FRAMES_UNDER_WAY
