"""The direct writer really takes over, and leaves Tornado's own code to it where it must."""

import asyncio
import contextlib
import gc
import socket as socketlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
import websockets
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets

from crewai_hitl_nb.server.fast.direct_writer import DirectWriter
from tests.certificate import write_certificate
from tests.faults.deaf import deafen, needs_linux
from tests.server.door import PATIENCE_SECONDS, Door, configured, ids, note, socket, until
from tests.server.readers import Reader, Socket, reading

STREAMS = pytest.mark.parametrize("transport", ["ws", "sse"])
LARGE = "x" * 200_000


async def direct(door: Door) -> int:
    """Return how many readers direct writers write to."""
    broker = door.services.broker
    assert broker is not None
    return broker.audience_count


async def until_direct(door: Door, number: int) -> None:
    """Wait until so many readers are: one is handed over once its replay is on its way."""
    await until(lambda: direct(door), lambda count: count == number)


@STREAMS
async def test_a_live_reader_is_handed_to_a_direct_writer(door: Door, transport: str) -> None:
    async with reading(transport, door) as reader:
        await reader.replayed()
        await until_direct(door, 1)
        await door.publish(note("n1"), note("n2"))
        assert ids(await reader.until("n2")) == ["n1", "n2"]
    await door.until_subscriptions(0)
    assert await direct(door) == 0


async def test_an_event_stream_that_was_handed_over_is_no_request_of_the_host_any_more(
    door: Door,
) -> None:
    async with reading("sse", door) as reader:
        await reader.replayed()
        await until_direct(door, 1)
        names = {str(task.get_coro()) for task in asyncio.all_tasks()}
    assert not {name for name in names if "EventStreamHandler" in name}


async def test_a_socket_that_was_handed_over_still_takes_frames_up(door: Door) -> None:
    async with socket(door) as connection:
        reader = Reader(Socket(connection))
        await reader.replayed()
        await until_direct(door, 1)
        for number in range(20):
            await connection.send(f'{{"type":"publish","ref":"{number}","events":{{"type":"n"}}}}')
        frames = [await reader.frame() for _ in range(40)]
    assert [f["ref"] for f in frames if f["type"] == "ack"] == [str(n) for n in range(20)]
    assert [f["offset"] for f in frames if f["type"] == "n"] == list(range(1, 21))


async def test_a_socket_that_says_nothing_has_no_task_until_it_does(door: Door) -> None:
    def reading_tasks() -> list[str]:
        tasks = [str(task.get_coro()) for task in asyncio.all_tasks()]
        return [name for name in tasks if "_receive_frame_loop" in name or "_execute" in name]

    async with socket(door) as connection:
        await Reader(Socket(connection)).replayed()
        await until_direct(door, 1)
        assert reading_tasks() == []
        await (await connection.ping())
        assert len(reading_tasks()) == 1
        await (await connection.ping())
    await door.until_subscriptions(0)
    assert reading_tasks() == []


async def test_what_others_wrote_goes_out_whole_before_an_event() -> None:
    ours, theirs = socketlib.socketpair()
    stream, reader = IOStream(ours), IOStream(theirs)
    writer = DirectWriter(stream, lambda reason: None, 5.0, shared=True)
    reply, event = b"r" * 5_000_000, b"event"  # far more than the sockets hold
    stream.write(reply)
    assert stream.writing()
    await reader.read_bytes(1_000_000)  # there is room for the event now, in the wrong place
    writer.take(event, 1)
    with anyio.fail_after(PATIENCE_SECONDS):
        rest = await reader.read_bytes(len(reply) + len(event) - 1_000_000)
    assert rest.endswith(event)
    assert rest.strip(b"r") == event
    stream.close()
    reader.close()


async def test_a_writer_is_told_before_anybody_else_writes_to_its_socket(door: Door) -> None:
    def shared() -> list[bool]:
        return [o.shared for o in gc.get_objects() if type(o) is DirectWriter and o.audience]

    async with socket(door) as connection:
        await Reader(Socket(connection)).replayed()
        await until_direct(door, 1)
        assert shared() == [False]
        await (await connection.ping())
        assert shared() == [True]
    async with socket(door, source="kernel-1") as connection:  # it is pinged
        await Reader(Socket(connection)).replayed()
        await until_direct(door, 1)
        assert shared() == [True]
    await door.until_subscriptions(0)


async def falls_behind_and_catches_up(door: Door, reader: Reader, events: int) -> None:
    """Publish far more than the sockets hold; the reader has all of it once, and what follows."""
    names = [f"large-{i}" for i in range(events)]
    for name in names:
        await door.publish(note(name, text=LARGE))
    assert ids(await reader.until(names[-1])) == names
    await door.publish(note("small"))
    assert ids(await reader.until("small")) == ["small"]


@STREAMS
async def test_a_reader_that_falls_behind_and_catches_up_has_everything_once(
    door: Door, transport: str
) -> None:
    async with reading(transport, door) as reader:
        await reader.replayed()
        await until_direct(door, 1)
        await falls_behind_and_catches_up(door, reader, 60)
        assert await direct(door) == 1


async def test_a_waiter_by_sse_keeps_its_handler_which_says_that_it_is_present(door: Door) -> None:
    async with reading("sse", door, source="kernel-1") as reader:
        await reader.replayed()
        await door.publish(note("n1"))
        await reader.until("n1")
        assert await direct(door) == 0


async def test_a_stream_that_the_host_compresses_goes_the_plain_way(door: Door) -> None:
    door.app.web_app.settings["compress_response"] = True
    async with reading("sse", door) as reader:
        await reader.replayed()
        await door.publish(note("n1"))
        await reader.until("n1")
        assert await direct(door) == 0


async def test_a_reader_that_speaks_http_1_0_gets_a_stream_without_chunks(door: Door) -> None:
    url = httpx.URL(door.url)
    with anyio.fail_after(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"GET {url.raw_path.decode()}events/human-input HTTP/1.0\r\n"
            f"Authorization: token {door.token}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert await reader.readuntil(b"\n\n") == b"retry: 1000\n\n"
        await reader.readuntil(b"event: heartbeat\n")
        await door.publish(note("n1"))
        await reader.readuntil(b"id: n1\n")
        assert await direct(door) == 0
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate of this machine with its key, in one file."""
    return write_certificate(tmp_path / "certificate.pem", "127.0.0.1")


@asynccontextmanager
async def over_tls(door: Door, certificate: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Serve the same application over TLS; yield its prefix and whom to trust."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    server = HTTPServer(door.app.web_app, ssl_options=serving)
    (bound,) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([bound])
    path = httpx.URL(door.url).raw_path.decode()
    trust = ssl.create_default_context(cafile=str(certificate))
    try:
        yield f"https://127.0.0.1:{bound.getsockname()[1]}{path}", trust
    finally:
        server.stop()
        await server.close_all_connections()


async def test_a_socket_over_tls_is_written_to_in_turns_with_all_others(
    door: Door, certificate: Path
) -> None:
    headers = {"Authorization": f"token {door.token}"}
    async with over_tls(door, certificate) as (url, trust):
        address = url.replace("https", "wss") + "ws/human-input"
        async with websockets.connect(address, additional_headers=headers, ssl=trust) as connection:
            reader = Reader(Socket(connection))
            await reader.replayed()
            await until_direct(door, 1)
            await falls_behind_and_catches_up(door, reader, 30)
            await (await connection.ping())
        await door.until_subscriptions(0)


@needs_linux
@configured(heartbeat_seconds=0.5)
async def test_a_dead_reader_over_tls_is_given_up_like_any_other(
    door: Door, certificate: Path
) -> None:
    headers = {"Authorization": f"token {door.token}"}
    async with over_tls(door, certificate) as (url, trust):
        address = url.replace("https", "wss") + "ws/human-input"
        async with websockets.connect(
            address, additional_headers=headers, ssl=trust, close_timeout=0.1
        ) as connection:
            await connection.recv()
            await until_direct(door, 1)
            deafen(connection.transport)
            await door.until_subscriptions(0)


async def test_an_event_stream_over_tls_is_written_to_in_turns_with_all_others(
    door: Door, certificate: Path
) -> None:
    async with over_tls(door, certificate) as (url, trust):
        address = httpx.URL(url)
        with anyio.fail_after(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=trust)
            writer.write(
                f"GET {address.raw_path.decode()}events/human-input HTTP/1.1\r\n"
                f"Host: 127.0.0.1\r\nAuthorization: token {door.token}\r\n\r\n".encode()
            )
            await reader.readuntil(b"event: heartbeat\n")
            await until_direct(door, 1)
            for name in ("n1", "n2"):
                await door.publish(note(name))
                await reader.readuntil(f"id: {name}\n".encode())
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        await door.until_subscriptions(0)
