"""A prepared reply is the one that Tornado writes, and ends its call like it."""

import asyncio
import logging
import re
import socket
from contextlib import AbstractAsyncContextManager
from functools import partial

import anyio
import httpx
import pytest
from tornado.httpserver import HTTPServer

from crewai_hitl_nb.protocol.limits import SLICE_REPLIES
from crewai_hitl_nb.server.extension import HumanInputApp
from crewai_hitl_nb.server.fast.poll_response import PollResponse
from crewai_hitl_nb.server.fast.tornado_internals import NO_SHORTCUTS, find_shortcuts
from crewai_hitl_nb.server.loop_slices import LoopSlices
from tests.server.callers import FOREIGN, caller, cookie_header, kernel_key
from tests.server.door import PATIENCE_SECONDS, Door, both_ways, note, until
from tests.server.line import Line, connected

LARGE = "x" * 900_000
METRIC = re.compile(r"^http_request_duration_seconds_count\{.*PollHandler.*\} (\d+)", re.MULTILINE)


class Polls(Line):
    """A poll's calls on it."""

    def ask(self, query: str = "", version: str = "1.1", **headers: str) -> None:
        said = {"Host": self.host, "Authorization": f"token {self.token}", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
        path = f"{self.path}poll/human-input?timeout=14&{query}"
        self.writer.write(f"GET {path} HTTP/{version}\r\n{lines}\r\n".encode())

    async def reply(self) -> tuple[str, bytes]:
        """Return the next head and body."""
        head, body = await self.head_and_body()
        assert "Content-Length: " in head, head
        return head, body


def a_line(door: Door) -> AbstractAsyncContextManager[Polls]:
    return connected(door, Polls)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return of each prepared reply that goes whether all of it was out at once."""
    sends: list[bool] = []
    send = PollResponse.send

    def watched(prepared: PollResponse, body: bytes) -> "asyncio.Future[None]":
        written = send(prepared, body)
        sends.append(written.done())
        return written

    monkeypatch.setattr(PollResponse, "send", watched)
    return sends


@pytest.fixture
def small_sockets(http_server: HTTPServer) -> None:
    """Let the server's sockets hold little, so that a reply is longer than they take at once."""
    for listening in http_server._sockets.values():
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def until_held(door: Door) -> None:
    """Wait until one poll is held with its response prepared."""
    broker = door.services.broker
    assert broker is not None

    async def held() -> int:
        return broker.audience_count

    await until(held, lambda count: count == 1)


async def headers_of(door: Door, kind: str) -> dict[str, str]:
    if kind == "kernel key":
        return {"Authorization": f"Bearer {kernel_key()}"}
    if kind == "cookie":
        async with caller(door, "cookie with xsrf") as http:
            return {"Authorization": "", "Cookie": cookie_header(http)}
    return {}


def without_what_differs(head: str) -> str:
    """Leave out the time, and the name and signature that each token call is given anew."""
    head = re.sub(r"(?m)^Date: .*$", "Date: then", head)
    return re.sub(r"(?m)^(Set-Cookie: [^=]*)=[^;]*; expires=[^;]*;", r"\1=…;", head)


@pytest.mark.parametrize("host", [{"ServerApp": {"allow_origin": "*"}}], ids=["cors"])
@pytest.mark.parametrize("kind", ["token", "cookie", "kernel key"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Connection": "keep-alive"},
        {"Origin": FOREIGN},
        {"If-None-Match": "*"},
        {"Accept-Encoding": "gzip"},
    ],
    ids=lambda more: "".join(more) or "nothing more",
)
async def test_a_prepared_reply_is_the_plain_one_byte_for_byte(
    door: Door, sent: list[bool], kind: str, more: dict[str, str]
) -> None:
    headers = {**(await headers_of(door, kind)), **more}
    await door.publish(note("before"))
    replies = []
    for shortcuts, event in ((find_shortcuts(), "first"), (NO_SHORTCUTS, "other")):
        door.services.shortcuts = shortcuts
        async with a_line(door) as line:
            line.ask("replay=none", **headers)
            await door.until_subscriptions(1)
            await door.publish(note(event, timestamp="2026-01-01T00:00:00Z"))
            head, body = await line.reply()
            replies.append((without_what_differs(head), body.replace(b"other", b"first")))
    quick_reply, plain_reply = replies
    assert quick_reply[0] == plain_reply[0]
    assert _but_for_offsets(quick_reply[1]) == _but_for_offsets(plain_reply[1])
    assert sent == [True]


def _but_for_offsets(body: bytes) -> bytes:
    return re.sub(rb'"offset":\d+', b'"offset":0', body)


@pytest.mark.parametrize(
    ("version", "headers"),
    [("1.1", {"Connection": "close"}), ("1.0", {}), ("1.0", {"Connection": "keep-alive"})],
)
async def test_a_call_whose_connection_ends_or_is_of_http_1_0_is_replied_to_the_plain_way(
    door: Door, sent: list[bool], version: str, headers: dict[str, str]
) -> None:
    async with a_line(door) as line:
        line.ask("replay=none", version, **headers)
        await door.until_subscriptions(1)
        await door.publish(note("woke"))
        head, body = await line.reply()
        if headers.get("Connection") != "keep-alive":
            assert await line.reader.read() == b""
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert b'"woke"' in body
    assert sent == []


@both_ways
async def test_calls_on_one_connection_are_replied_to_in_their_order(door: Door) -> None:
    await door.publish(note("e0"))
    async with a_line(door) as line:
        for number in range(3):
            line.ask(f"last_event_id=e{number}")  # the later ones before the first is replied to
        await door.until_subscriptions(1)
        for number in range(1, 4):
            await door.publish(note(f"e{number}"))
        bodies = [(await line.reply())[1] for _ in range(3)]
    for number, body in enumerate(bodies, 1):
        assert body.startswith(b'{"events":[{"type":"note","event_id":"e%d"' % number)


@pytest.mark.usefixtures("small_sockets")
async def test_a_slow_caller_has_all_of_a_large_reply_and_then_the_next(
    door: Door, sent: list[bool]
) -> None:
    async with a_line(door) as line:
        line.ask("replay=none")
        line.ask("last_event_id=large")
        await until_held(door)
        await door.publish(note("large", text=LARGE))
        await door.until_subscriptions(0)
        assert len((await line.reply())[1]) > len(LARGE)
        await until_held(door)
        await door.publish(note("last"))
        assert b'"last"' in (await line.reply())[1]
    assert sent == [False, True]


@both_ways
@pytest.mark.usefixtures("small_sockets")
async def test_a_caller_who_hangs_up_while_the_reply_is_written_leaves_nothing_behind(
    door: Door,
) -> None:
    async with a_line(door) as line:
        line.ask("replay=none")
        await door.until_subscriptions(1)
        await door.publish(note(text=LARGE))
        await door.until_subscriptions(0)
        line.writer.transport.abort()
    with anyio.fail_after(PATIENCE_SECONDS):
        while any("PollHandler" in str(task.get_coro()) for task in asyncio.all_tasks()):
            await anyio.lowlevel.checkpoint()


@both_ways
async def test_every_call_that_one_event_ends_is_counted_and_logged_once(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some Jupyter servers keep the lines of an extension from the root logger, where caplog is.
    monkeypatch.setattr(logging.getLogger(HumanInputApp.__name__), "handlers", [caplog.handler])

    async def counted() -> int:
        text = (await door.http.get(str(httpx.URL(door.url).join("../metrics")))).text
        return sum(map(int, METRIC.findall(text)))

    before, number = await counted(), 2 * SLICE_REPLIES + 3
    held = [
        asyncio.create_task(door.http.get("poll/human-input?timeout=14&replay=none"))
        for _ in range(number)
    ]
    await door.until_subscriptions(number)
    await door.publish(note("woke"))
    replies = await asyncio.gather(*held)
    assert {reply.content for reply in replies} == {replies[0].content}
    with anyio.fail_after(PATIENCE_SECONDS):
        while await counted() < before + number:
            pass  # the host counts a call when it ends, which is after its reply
    assert await counted() == before + number
    said = [record.getMessage() for record in caplog.records]
    lines = [line for line in said if "poll/human-input" in line and line.startswith("200 GET")]
    assert len(lines) == number


async def test_what_waits_for_its_turn_is_called_in_order_and_some_in_each_turn() -> None:
    turns, called = LoopSlices(2), list[str]()
    for name in "abc":
        turns.add(partial(called.append, name))
    turns.add(lambda: turns.add(lambda: called.append("last")))
    seen = []
    while called[-1:] != ["last"]:
        await anyio.lowlevel.checkpoint()
        seen.append("".join(called))
    assert [text for text in seen if text] == ["ab", "abc", "abclast"]
