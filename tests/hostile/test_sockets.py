"""A WebSocket that speaks otherwise than RFC 6455 is closed or answered, and leaves nothing."""

import json
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.conftest import inside
from tests.hostile.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    connected,
    frame,
    upgrade,
)
from tests.jupyter_process import JupyterProcess

LAST_WORD = b'"ref":"last-word"'
ASKS = frame(TEXT, json.dumps({"type": "claim", "ref": "last-word", "request_id": "none"}).encode())
"""A good frame, whose reply shows that the connection still works."""

BOMB = zlib.compress(b"\0" * (50 << 20), 9)[2:-4]
PART = b"x" * 100_000

RUDE: dict[str, bytes] = {
    **{f"opcode {code}": frame(code, b"{}") for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"reserved bits {bits:03b}": frame(TEXT, b"{}", reserved=bits) for bits in range(1, 8)},
    "compressed, although nobody agreed to it": frame(TEXT, BOMB, reserved=4),
    "compressed, in parts": frame(TEXT, BOMB[:100], reserved=4, fin=False)
    + frame(CONTINUATION, BOMB[100:]),
    "no mask": frame(TEXT, b"{}", masked=False),
    "a continuation of nothing": frame(CONTINUATION, b"{}"),
    "a message within a message": frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
    "parts without end": frame(TEXT, PART, fin=False) + frame(CONTINUATION, PART, fin=False) * 120,
    "many parts of nothing": frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5000,
    "a control frame in parts": frame(PING, b"x", fin=False) + frame(CONTINUATION, b"y"),
    "a ping that is too long": frame(PING, b"x" * 126),
    "a ping that is far too long": frame(PING, b"x" * 70_000),
    "a pong for nobody": frame(PONG, b"hello"),
    "pings without end": frame(PING, b"x" * 125) * 3000,
    "a close of one byte": frame(CLOSE, b"x"),
    "a close for no known reason": frame(CLOSE, b"\x00\x01"),
    "a close with words that are no text": frame(CLOSE, b"\x03\xe8\xff\xfe"),
    "a text that is no text": frame(TEXT, b'{"type":"\xff\xfe"}'),
    "a text cut within a letter": frame(TEXT, "ü".encode()[:1], fin=False)
    + frame(CONTINUATION, b"\xff"),
    "a surrogate": frame(TEXT, b'"\xed\xa0\x80"'),
    "bytes in place of text": frame(BINARY, b"\x00\xff" * 500),
    "nothing": frame(TEXT),
    "a length beyond any memory": frame(TEXT, b"{}", length=1 << 62),
    "a length with its highest bit": frame(TEXT, b"{}", length=1 << 63),
    "a length above the limit": frame(TEXT, b"{}", length=100 << 20),
    "lists in lists": frame(TEXT, b"[" * 10_000 + b"]" * 10_000),
    "a number of six thousand digits": frame(TEXT, b'{"type":"publish","x":' + b"9" * 6000 + b"}"),
    "a frame above the limit": frame(TEXT, b'"' + b"x" * (9 << 20) + b'"'),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n" * 10,
}

UNFINISHED: dict[str, bytes] = {
    "half a head": b"\x81",
    "a head without its length": b"\x81\xff\x00\x00",
    "a length and no mask": b"\x81\xfe\x00\x05",
    "half a payload": frame(TEXT, b"{}", length=1000),
    "half a message": frame(TEXT, b'{"type":', fin=False),
}

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.mark.parametrize("said", RUDE.values(), ids=RUDE)
def test_rude_frames_are_answered_or_end_the_connection(
    server: JupyterProcess, said: bytes
) -> None:
    with connected(server) as raw:
        raw.send(upgrade(server))
        assert raw.read(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
        raw.send(said)
        raw.send(ASKS)
        raw.read(LAST_WORD)  # or the end; a server that does neither hangs, which raises


@pytest.mark.parametrize("said", UNFINISHED.values(), ids=UNFINISHED)
def test_what_is_never_finished_is_forgotten_with_its_connection(
    server: JupyterProcess, said: bytes
) -> None:
    with connected(server) as raw:
        raw.send(upgrade(server))
        raw.read(b"heartbeat")
        raw.send(said)
        raw.read(b"heartbeat")  # it is still served meanwhile


def test_compression_is_not_agreed_to(server: JupyterProcess) -> None:
    with connected(server) as raw:
        raw.send(upgrade(server, b"Sec-WebSocket-Extensions: permessage-deflate"))
        head = raw.read(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"permessage-deflate" not in head


def test_any_bytes_leave_the_server_as_it_was(server: JupyterProcess) -> None:
    frames = st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=150),
        fin=st.booleans(),
        reserved=st.sampled_from([0, 0, 0, 1, 4, 7]),
        masked=st.booleans(),
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(said=st.lists(frames | st.binary(max_size=40), min_size=1, max_size=8))
    def knock(said: list[bytes]) -> None:
        with connected(server) as raw:
            raw.send(upgrade(server))
            assert raw.read(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
            raw.send(b"".join(said))

    knock()
    assert inside(server).tasks < 100


HANDSHAKES: dict[str, tuple[bytes, ...]] = {
    "another version": (b"Sec-WebSocket-Version: 99",),
    "no number for a version": (b"Sec-WebSocket-Version: x",),
    "an invalid key": (b"Sec-WebSocket-Key: \xff\xfe",),
    "a protocol with lines in it": (b"Sec-WebSocket-Protocol: a\tb, " + b"c" * 5000,),
    "extensions without sense": (b"Sec-WebSocket-Extensions: ;;==,,;a=\xff",),
    "an origin that is no address": (b"Origin: http://[::1",),
    "an origin of bytes": (b"Origin: \xff\xfe",),
    "a last id of bytes": (b"Last-Event-ID: \xff\xfe\x80",),
}


@pytest.mark.parametrize("headers", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_strange_handshake_is_taken_or_refused_but_breaks_nothing(
    server: JupyterProcess, headers: tuple[bytes, ...]
) -> None:
    with connected(server) as raw:
        raw.send(upgrade(server, *headers))
        status = raw.read(b"\r\n").split(b" ")[1]
    assert status in (b"101", b"400", b"403", b"426")
