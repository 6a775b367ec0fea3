"""The kernels' short way to publish does what the handler does, and takes nobody else's calls."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.protocol import limits
from tests.server.callers import FOREIGN, caller, kernel_key
from tests.server.door import PATIENCE_SECONDS, Door, Json, configured, note, question, until

ANSWER = {"type": "human_input_completed", "human_feedback": "Good.", "answered_by": {"name": "x"}}


@pytest.fixture
def kernel(door: Door, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[httpx.AsyncClient]:
    """Return a client with the kernel key."""
    headers = {"Authorization": f"Bearer {kernel_key()}"}
    http = httpx.AsyncClient(base_url=door.url, headers=headers, timeout=PATIENCE_SECONDS)
    yield http
    jp_asyncio_loop.run_until_complete(http.aclose())


def took_the_short_way(reply: httpx.Response) -> bool:
    """Say whether no handler of the host wrote the reply: each of them sends this header."""
    return "Content-Security-Policy" not in reply.headers


async def both_ways(http: httpx.AsyncClient, body: bytes) -> tuple[httpx.Response, httpx.Response]:
    """Send a body the short way and, with a query that means nothing, to the handler."""
    short = await http.post("events", content=body)
    plain = await http.post("events", content=body, params={"plain": "1"})
    assert took_the_short_way(short)
    assert not took_the_short_way(plain)
    return short, plain


def without_places(reply: httpx.Response) -> Json:
    """Return what a reply says but for the ids and offsets that were given out."""
    body: Json = reply.json()
    given = ("event_id", "offset", "request_id")
    return {
        **body,
        "events": [{k: v for k, v in e.items() if k not in given} for e in places(body)],
    }


def places(body: Json) -> list[Json]:
    return list(body.get("events", []))


BODIES = (
    b'{"type": "note"}',
    b'[{"type": "note"}, {"type": "human_input_required", "prompt": "Good?"}]',
    b"",
    b"{",
    b"\xff",
    b"[]",
    b'{"type": "note", "timestamp": "now"}',
    b'[{"type": "note"}, {"type": "heartbeat"}]',
    b'{"type": "human_input_completed", "request_id": "nobody asked"}',
    b'{"type": "human_input_completed", "request_id": "asked", "options": ["x"]}',
    b'{"type": "note", "text": "%b"}' % (b"x" * limits.MAX_EVENT_BYTES),
    b"[%b]" % b", ".join([b'{"type": "note"}'] * (limits.MAX_BATCH_EVENTS + 1)),
    b" " * (limits.MAX_BODY_BYTES + 1),
)


async def test_the_short_way_replies_as_the_handler_does(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    await door.ask("asked")
    for body in BODIES:
        short, plain = await both_ways(kernel, body)
        assert short.status_code == plain.status_code
        assert without_places(short) == without_places(plain)
        for name in ("Content-Type", "X-Content-Type-Options", "Retry-After"):
            assert short.headers.get(name) == plain.headers.get(name)


async def test_what_is_published_the_short_way_is_in_the_log_once(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    events = [
        note("a"),
        question("q", event_id="c"),
        {**ANSWER, "event_id": "b", "request_id": "r"},
    ]
    await door.ask("r")
    short, plain = await both_ways(kernel, httpx.Request("POST", door.url, json=events).content)
    assert [place["offset"] for place in places(short.json())] == [2, 3, 4]
    assert places(plain.json())[0] == {**places(short.json())[0], "duplicate": True}
    assert (await door.request("r"))["completion"]["answered_by"] == {"name": "x", "via": "api"}
    assert len(await door.kept()) == 4


@pytest.mark.parametrize("kind", ["token", "token as jupyter says it", "cookie with xsrf"])
async def test_the_host_looks_at_its_own_credentials_itself(door: Door, kind: str) -> None:
    async with caller(door, kind) as http:
        reply = await http.post("events", json=note())
    assert reply.status_code == 200
    assert not took_the_short_way(reply)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer w"}, 403),
        ({"Authorization": ""}, 403),
        ({"Host": "elsewhere.example"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Origin": FOREIGN}, 200),
    ],
)
async def test_what_is_not_plainly_a_call_of_a_program_here_goes_to_the_handler(
    kernel: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    reply = await kernel.post("events", json=note(), headers=headers)
    assert reply.status_code == status
    assert not took_the_short_way(reply)


@configured(shortcuts=False)
async def test_with_shortcuts_off_a_kernel_publishes_by_the_handler(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    reply = await kernel.post("events", json=note("n1"))
    assert reply.status_code == 200
    assert not took_the_short_way(reply)
    assert [event["event_id"] for event in await door.kept()] == ["n1"]


@pytest.mark.parametrize("part", [slice(1, None), slice(0, -1)])
async def test_a_part_of_the_key_is_no_key(door: Door, part: slice) -> None:
    headers: dict[str, Any] = {"Authorization": f"Bearer {kernel_key()[part]}"}
    async with httpx.AsyncClient(base_url=door.url) as http:
        reply = await http.post("events", json=note(), headers=headers)
    assert reply.status_code == 403


@configured(publish_per_second=1.0)
async def test_the_short_way_holds_a_kernel_to_its_limit(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    replies = [await kernel.post("events", json=[note() for _ in range(50)]) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 429]
    assert int(replies[1].headers["Retry-After"]) >= 1
    assert took_the_short_way(replies[1])


async def test_the_short_way_says_when_the_log_is_closed(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    await door.close()
    short, plain = await both_ways(kernel, b'{"type": "note"}')
    assert (short.status_code, short.json()) == (503, plain.json())


async def test_a_publish_of_a_kernel_is_use_of_the_server(
    door: Door, kernel: httpx.AsyncClient
) -> None:
    await door.ask()
    settings = door.app.web_app.settings
    before = settings["api_last_activity"]
    assert took_the_short_way(await kernel.post("events", json=note()))
    assert settings["api_last_activity"] > before


async def test_a_kernel_that_hangs_up_before_the_reply_has_published(door: Door) -> None:
    path = httpx.URL(door.url).raw_path.decode()
    head = (
        f"POST {path}events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {kernel_key()}\r\nContent-Length: 16\r\n\r\n"
    )
    port = httpx.URL(door.url).port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b'{"type": "note"}')
    writer.close()
    await until(door.kept, lambda events: [e["type"] for e in events] == ["note"])
