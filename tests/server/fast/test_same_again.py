"""What follows on a kernel's connection is served at once where it is the same again, and then
only: everything else is Tornado's, from the same bytes, with the same reply as on a connection of
its own."""

import asyncio
import random
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from crewai_hitl_nb.server.fast import same_again
from tests.server.callers import FOREIGN, kernel_key
from tests.server.door import PATIENCE_SECONDS, Door, both_ways, configured, until
from tests.server.fast.test_kernel_publish import BODIES
from tests.server.line import Line, connected

NOTE = b'{"type": "note"}'
LONG = b'{"type": "note", "text": "%b"}' % (b"x" * 200_000)


class KernelLine(Line):
    """A kernel's publishes on it, with the key of when it connected."""

    def __init__(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(door, reader, writer)
        self._key = kernel_key()

    def head(self, body: bytes, path: str = "", **headers: str) -> bytes:
        said = {
            "Host": self.host,
            "Authorization": f"Bearer {self._key}",
            "Content-Length": str(len(body)),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        return f"POST {path or self.path + 'events'} HTTP/1.1\r\n{lines}\r\n".encode()

    def call(self, body: bytes, path: str = "", **headers: str) -> None:
        self.writer.write(self.head(body, path, **headers) + body)

    async def reply(self) -> str:
        """Return the next reply without what differs from one to the next."""
        head, body = await self.head_and_body()
        head = re.sub(r"(Date|Content-Length): .*", r"\1: …", head)
        head = re.sub(r"_xsrf=[^;]*", "_xsrf=…", head)
        return head + re.sub(r'"(event_id|request_id)":"[^"]*"|"offset":\d+', "…", body.decode())

    async def publish(self, body: bytes = NOTE) -> str:
        self.call(body)
        return await self.reply()


def a_line(door: Door) -> AbstractAsyncContextManager[KernelLine]:
    return connected(door, KernelLine)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how to count the replies to what was the same again."""
    count, write = [0], same_again.write

    def counting(*args: object) -> "asyncio.Future[None]":
        count[0] += 1
        return write(*args)  # type: ignore[arg-type] # whatever they are

    monkeypatch.setattr(same_again, "write", counting)
    return lambda: count[0]


async def test_the_same_again_has_the_reply_of_a_first_call_byte_for_byte(
    door: Door, again: Callable[[], int]
) -> None:
    await door.ask("asked")
    firsts = []
    for body in BODIES:
        async with a_line(door) as line:
            firsts.append(await line.publish(body))
    async with a_line(door) as line:
        await line.publish()
        others = [await line.publish(body) for body in BODIES]
    assert others == firsts
    assert again() > len(BODIES) // 2  # the large ones are not


async def test_every_call_after_the_first_is_the_same_again(
    door: Door, again: Callable[[], int]
) -> None:
    async with a_line(door) as line:
        replies = {await line.publish(NOTE + b" " * number) for number in range(20)}
    assert len(replies) == 1
    assert again() == 19
    assert len(await door.kept()) == 20


@both_ways
async def test_calls_that_come_together_are_served_in_their_order(door: Door, lean: bool) -> None:
    async with a_line(door) as line:
        await line.publish()
        events = [b'{"type": "note", "event_id": "e%d"}' % number for number in range(50)]
        line.writer.write(b"".join(line.head(event) + event for event in events))
        for _ in events:
            assert (await line.reply()).startswith("HTTP/1.1 200 OK")
    kept = [event["event_id"] for event in await door.kept()]
    assert kept[1:] == [f"e{number}" for number in range(50)]


OTHERS = [
    ("", {"Authorization": "Bearer wrong"}),
    ("", {"Authorization": ""}),
    ("", {"Host": "elsewhere.example"}),
    ("", {"Origin": FOREIGN}),
    ("", {"X-More": "1"}),
    ("", {"Content-Type": "application/json; charset=utf-8"}),
    ("", {"Content-Type": "multipart/form-data"}),
    ("", {"Connection": "close"}),
    ("", {"Content-Length": "16, 16"}),
    ("", {"Content-Length": "16, 17"}),
    ("", {"Content-Length": "+16"}),
    ("", {"Content-Length": "x"}),
    ("", {"Transfer-Encoding": "chunked"}),
    ("/nowhere", {}),
    ("/a%40b/crewai-hitl/requests/nobody/cancel", {}),
]


@pytest.mark.parametrize(("path", "headers"), OTHERS, ids=str)
async def test_what_is_not_the_same_again_has_the_reply_that_it_has_as_a_first_call(
    door: Door, path: str, headers: dict[str, str]
) -> None:
    async with a_line(door) as line:
        line.call(NOTE, path, **headers)
        first = await line.reply()
    async with a_line(door) as line:
        for _ in range(3):
            await line.publish()
        line.call(NOTE, path, **headers)
        assert await line.reply() == first
        if first.startswith("HTTP/1.1 200") and headers.get("Connection") != "close":
            assert (await line.publish()).startswith("HTTP/1.1 200")  # and so do they again
    taken = first.startswith("HTTP/1.1 200")
    follows = taken and headers.get("Connection") != "close"
    assert len(await door.kept()) == 3 + 2 * taken + follows


async def test_a_body_that_comes_in_pieces_is_whole(door: Door, again: Callable[[], int]) -> None:
    async with a_line(door) as line:
        await line.publish()
        for body in (NOTE, LONG):
            head = line.head(body)
            for piece in (head[:20], head[20:], body[:5]):
                line.writer.write(piece)
                await door.health()  # the server has read the piece when it has read this
            line.writer.write(body[5:])
            assert (await line.reply()).startswith("HTTP/1.1 200")
        assert again() == 0
        assert (await line.publish()).startswith("HTTP/1.1 200")
        assert again() == 0  # behind a long one the next is a first one, so that it is let go
        assert (await line.publish()).startswith("HTTP/1.1 200")
        assert again() == 1
    assert len(await door.kept()) == 5


@pytest.mark.parametrize("seed", range(8))
async def test_wherever_the_bytes_are_cut_the_replies_are_the_same(door: Door, seed: int) -> None:
    cuts, door.services.lean = random.Random(seed), seed > 0
    async with a_line(door) as line:
        said = [(NOTE, {}), (NOTE, {}), (b"{", {}), (NOTE * 9, {}), (NOTE, {"X-More": "1"})] * 3
        said[7] = (NOTE, {"Authorization": "Bearer wrong"})
        data = b"".join(line.head(body, **headers) + body for body, headers in said)
        while data:
            size = cuts.randint(1, 400)
            line.writer.write(data[:size])
            data = data[size:]
            for _ in range(cuts.randint(0, 12)):
                await anyio.lowlevel.checkpoint()
        replies = [(await line.reply()).splitlines()[0] for _ in said]
    statuses = [reply.split()[1] for reply in replies]
    of_five = ["200", "200", "400", "400", "200"]
    assert statuses == [*of_five, *of_five[:2], "403", *of_five[3:], *of_five]
    assert len(await door.kept()) == statuses.count("200")


@configured(publish_per_second=1.0)
async def test_the_same_again_is_held_to_the_limits_of_its_caller(door: Door) -> None:
    async with a_line(door) as line:
        replies = [await line.publish() for _ in range(100)]
    assert "429" in replies[-1].splitlines()[0]
    assert "Retry-After: " in replies[-1]


async def test_the_same_again_hears_that_the_log_is_closed(door: Door) -> None:
    async with a_line(door) as line:
        await line.publish()
        await door.close()
        assert (await line.publish()).startswith("HTTP/1.1 503 ")
        await door.open()
        assert (await line.publish()).startswith("HTTP/1.1 200 ")


async def test_a_kernel_that_hangs_up_leaves_nothing_behind(door: Door) -> None:
    async def serving() -> int:
        return sum("KernelPublish" in str(task.get_coro()) for task in asyncio.all_tasks())

    async with a_line(door) as line:
        await line.publish()
        line.call(NOTE)
        await until(serving, lambda count: count == 1)
        line.writer.transport.abort()
    await until(serving, lambda count: count == 0)


async def test_a_connection_that_is_idle_for_too_long_is_closed(
    door: Door, http_server: HTTPServer
) -> None:
    http_server.conn_params.header_timeout = 0.3
    async with a_line(door) as line:
        await line.publish()
        with anyio.fail_after(PATIENCE_SECONDS):
            assert await line.reader.read() == b""


def request(raw: bytes) -> HTTPServerRequest:
    line, _, lines = raw.decode("latin1").partition("\r\n")
    method, path, version = line.split(" ")
    start = RequestStartLine(method, path, version)
    return HTTPServerRequest(start_line=start, headers=HTTPHeaders.parse(lines))


RAW = (
    b"POST /events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer Kk\r\n"
    b"Content-Length: 3\r\nX: y\r\n\r\n"
)


def test_a_head_that_differs_in_one_byte_is_taken_only_if_it_says_the_same() -> None:
    first = request(RAW)
    head = same_again.learn(RAW, first)
    assert head is not None
    assert head.take(RAW + b"abcd") == (b"abc", b"d")
    for place in range(len(RAW)):
        for byte in (0, 9, 10, 13, 32, 44, 58, 65, 97, 255):
            other = RAW[:place] + bytes([byte]) + RAW[place + 1 :]
            taken = head.take(other + b"abc")
            assert (taken is None) == (other != RAW)
            learnt = same_again.learn(other, first)
            if learnt is not None:
                assert list(request(other).headers.get_all()) == list(first.headers.get_all())
                assert b"Bearer Kk\r\n" in other


@pytest.mark.parametrize(
    "other",
    [
        RAW.replace(b"content", b"Content").lower(),
        RAW.replace(b"\r\n", b"\n"),
        RAW.replace(b"X: y", b"Content-Length: 3"),
        RAW.replace(b"X: y", b"Transfer-Encoding: chunked"),
        RAW.replace(b"X: y\r\n", b"X: y\r\nX: z\r\n"),
        RAW[:-2],
        b"",
    ],
)
def test_a_head_that_says_something_else_is_not_learnt(other: bytes) -> None:
    assert same_again.learn(other, request(RAW)) is None
