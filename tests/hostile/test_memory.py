"""What one caller, or nobody in particular, can make the standalone server hold in memory."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.protocol import limits
from tests.hostile.served import KEY, Served, question, served

MANY = 5 if "SOAK" in os.environ else 1
"""`make soak`: as much as was once enough to fill the machine."""
MEGABYTE = 1_000_000
MOST_MEGABYTES = 400
"""Of the whole server, under every load here."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server with a file."""
    with served(tmp_path, "--store", str(tmp_path / "log.db")) as server:
        yield server


def ask(server: Served, questions: int, **more: object) -> None:
    """Ask questions of nearly a megabyte each."""
    with server.http() as http:
        for number in range(questions):
            asked = question(f"q{number}", MEGABYTE, **more)
            assert http.post("events", json=asked).status_code == 200


def test_bodies_of_strangers_take_no_memory_and_are_refused_before_they_end(
    server: Served,
) -> None:
    before, size = server.megabytes(), 8 * MEGABYTE
    head = server.head("POST /events HTTP/1.1", f"Content-Length: {size}", key="wrong")
    with ExitStack() as connections:
        for _ in range(24 * MANY):
            connection = connections.enter_context(server.connect())
            connection.sendall(head + b" " * (size - 1))
            assert connection.recv(20).startswith(b"HTTP/1.1 401 ")
        assert server.is_healthy()
        assert server.megabytes() - before < 40


def test_bodies_of_a_caller_that_never_end_have_a_bound_all_together(server: Served) -> None:
    size = limits.MAX_BODY_BYTES
    head = server.head("POST /events HTTP/1.1", f"Content-Length: {size}")
    with ExitStack() as connections:
        for _ in range(40 * MANY):
            connection = connections.enter_context(server.connect())
            connection.sendall(head + b" " * (size - 1))
        assert server.is_healthy()
        # Who comes now is asked to come again, and is let in when the others are gone.
        with server.http() as http:
            refused = http.post("events", json=question("late", 200_000))
            assert (refused.status_code, refused.json()["error"]) == (429, "too_many")
            assert refused.headers["Retry-After"] == "1"
        assert server.megabytes() < MOST_MEGABYTES


def test_bodies_of_calls_that_only_read_count_for_nothing(server: Served) -> None:
    size = limits.MAX_BODY_BYTES
    with ExitStack() as connections:
        for _ in range(8):  # twice the bound of all together
            connection = connections.enter_context(server.connect())
            head = server.head("GET /events/human-input HTTP/1.1", f"Content-Length: {size}")
            connection.sendall(head + b" " * size)
            assert connection.recv(12) == b"HTTP/1.1 200"
        with server.http() as http:
            assert http.post("events", json=question("q", 200_000)).status_code == 200


def test_strangers_with_half_a_request_leave_descriptors_to_others_and_lines_to_the_log(
    tmp_path: Path,
) -> None:
    few = files(256)
    with served(tmp_path, before=few) as server, ExitStack() as connections:
        for _ in range(400):
            connection = connections.enter_context(server.connect())
            with suppress(ConnectionError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert server.is_healthy()
        with server.http() as http:
            assert http.get("requests").status_code == 200
        lines = server.log.read_text().splitlines()
        assert len([line for line in lines if "strangers_closed" in line]) == 1
        assert len(lines) < 20


def test_strangers_that_come_at_once_keep_nobody_out_and_close_nobody_who_is_being_answered(
    tmp_path: Path,
) -> None:
    usual = files(1024)  # a quarter of that may be strangers of one address
    with served(tmp_path, before=usual) as server, ExitStack() as connections:
        server.process.send_signal(signal.SIGSTOP)  # whoever comes now waits
        asker = connections.enter_context(server.connect())
        asker.sendall(server.head("GET /health HTTP/1.1", key=None))
        for _ in range(450):
            connection = connections.enter_context(server.connect())
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        server.process.send_signal(signal.SIGCONT)
        assert asker.recv(12) == b"HTTP/1.1 200"


def test_a_server_without_descriptors_says_so_once_and_serves_again_when_there_are_some(
    tmp_path: Path,
) -> None:
    few = files(128)
    with served(tmp_path, before=few) as server:
        with ExitStack() as connections:
            for _ in range(160):  # known callers, whose connections nobody closes for others
                connection = connections.enter_context(server.connect())
                with suppress(ConnectionError):
                    connection.sendall(server.head("GET /events/human-input HTTP/1.1"))
        assert server.is_healthy()
        lines = server.log.read_text().splitlines()
        assert len([line for line in lines if "out_of_descriptors" in line]) <= 1
        assert not [line for line in lines if "Traceback" in line]


def test_listings_that_nobody_reads_have_a_bound_all_together(server: Served) -> None:
    ask(server, 20 * MANY)
    with ExitStack() as connections:
        for _ in range(80 * MANY):
            connection = connections.enter_context(server.connect())
            connection.sendall(server.head("GET /requests?limit=500 HTTP/1.1"))
        assert server.is_healthy()
        # A reader that reads has its turn in spite of them, page by page.
        with server.http() as http:
            page = http.get("requests", params={"limit": "500"}).json()
            assert len(page["requests"]) < 20
            assert page["next"] is not None
        assert server.megabytes() < MOST_MEGABYTES


def test_a_listing_of_large_requests_goes_on_over_short_pages_to_its_end(server: Served) -> None:
    ask(server, 12)

    async def listed() -> list[str]:
        async with AsyncClient(server.url, KEY) as client:
            return [request.request_id for request in await client.pending()]

    assert asyncio.run(listed()) == [f"q{number}" for number in range(12)]


def stream(server: Served, number: int) -> socket.socket:
    """Open a stream by a WebSocket or by SSE that nobody reads, with a filter of its own."""
    where = f"human-input?replay=none&type=human_input_required,only-{number}"
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    connection = server.connect()
    if number % 2:
        connection.sendall(server.head(f"GET /events/{where} HTTP/1.1"))
    else:
        connection.sendall(server.head(f"GET /ws/{where} HTTP/1.1", *upgrade, key))
    assert connection.recv(9) == b"HTTP/1.1 "
    return connection


def test_live_streams_that_nobody_reads_have_a_bound_all_together(server: Served) -> None:
    with ExitStack() as connections:
        for number in range(50 * MANY):
            connections.enter_context(stream(server, number))
        ask(server, 20)
        assert server.is_healthy()
        assert server.megabytes() < MOST_MEGABYTES


def test_replays_that_nobody_reads_have_a_bound_and_let_others_have_their_turn(
    server: Served,
) -> None:
    ask(server, 20)
    with ExitStack() as connections:
        for _ in range(80 * MANY):
            connection = connections.enter_context(server.connect())
            connection.sendall(server.head("GET /events/human-input?replay=all HTTP/1.1"))
        with server.http() as http:
            page = http.get("poll/human-input").json()
        assert page["events"]
        assert page["more"] is True
        assert server.is_healthy()
        assert server.megabytes() < MOST_MEGABYTES


def test_large_open_questions_stay_on_disk_and_can_be_answered(server: Served) -> None:
    before = server.megabytes()
    ask(server, 100 * MANY, response={"decisions": ["respond"]})
    assert server.megabytes() - before < 60
    with server.http() as http:
        blank = http.post("requests/q7/answer", json={"human_feedback": ""})
        assert blank.status_code == 422
        said = http.post("requests/q7/answer", json={"human_feedback": "as you like"})
        assert said.status_code == 200
        assert len(http.get("requests/q7").json()["context"]) == MEGABYTE


def test_a_page_is_sent_little_of_large_open_questions(server: Served) -> None:
    ask(server, 20 * MANY)
    with server.http() as http, http.stream("GET", "events/human-input?texts=brief") as stream:
        size = 0
        for line in stream.iter_lines():
            size += len(line)
            if line == "event: heartbeat":  # the replay is over
                break
        assert size < 20 * MANY * 1000


def test_open_questions_in_memory_have_a_bound_in_bytes(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.http() as http:
        for number in range(limits.MAX_PENDING_REQUESTS):
            reply = http.post("events", json=question(f"q{number}", MEGABYTE))
            if reply.status_code != 200:
                break
        assert (reply.status_code, reply.json()["error"]) == (429, "too_many")
        assert server.megabytes() < MOST_MEGABYTES
        assert http.post("requests/q0/answer", json={"human_feedback": "yes"}).status_code == 200
        assert http.post("events", json=question("next")).status_code == 200


def files(most: int) -> Callable[[], None]:
    """Return what gives a process few descriptors."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
