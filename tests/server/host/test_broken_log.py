"""A log that cannot be opened: said clearly at every door, and the host goes on."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.server.callers import caller
from tests.server.door import Door, client, note

DOORS = [
    ("GET", "events/human-input"),
    ("GET", "poll/human-input"),
    ("GET", "requests"),
    ("GET", "requests/q1"),
    ("POST", "events"),
    ("POST", "requests/q1/answer"),
    ("POST", "requests/q1/claim"),
    ("POST", "requests/q1/cancel"),
]


def corrupt(path: Path) -> None:
    path.write_bytes(b"This is no database, and it is long enough to be looked at." * 100)


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (name TEXT)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE events (name TEXT)")
    connection.execute(f"PRAGMA application_id = {0x4849544C}")
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()


def mend(path: Path) -> None:
    path.unlink()


def content(path: Path) -> bytes:
    return path.read_bytes()


CASES = [
    (corrupt, "not a database"),
    (foreign, "another program's database"),
    (newer, "newer version"),
]


@pytest.fixture
def broken_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "log" / "human_input.db"
    path.parent.mkdir()
    request.param(path)
    return path


@pytest.fixture
def traits(broken_file: Path) -> dict[str, Any]:
    return {"store_path": str(broken_file)}


each_case = pytest.mark.parametrize(
    ("broken_file", "why"), CASES, indirect=["broken_file"], ids=[c.__name__ for c, _ in CASES]
)


@each_case
async def test_health_says_what_is_wrong_with_the_log(
    door: Door, broken_file: Path, why: str
) -> None:
    reply = await door.http.get("health")
    assert (reply.status_code, reply.json()["status"]) == (503, "unhealthy")
    assert why in reply.json()["message"]
    assert str(broken_file) in reply.json()["message"]
    async with caller(door, "nobody") as http:
        assert set((await http.get("health")).json()) == {"status", "timestamp"}


@each_case
async def test_every_door_says_so_and_the_host_goes_on(
    door: Door, broken_file: Path, why: str
) -> None:
    for method, path in DOORS:
        reply = await door.http.request(method, path, json=note() if method == "POST" else None)
        assert (reply.status_code, reply.json()["error"]) == (503, "store_unavailable")
        assert why in reply.json()["message"]
    assert (await door.http.get("../api/contents")).status_code == 200


@pytest.fixture
def untouched(broken_file: Path) -> bytes:
    return content(broken_file)


@each_case
async def test_a_file_that_is_not_ours_is_not_written_to(
    untouched: bytes, door: Door, broken_file: Path, why: str
) -> None:
    assert content(broken_file) == untouched


@each_case
async def test_a_log_that_was_mended_opens_with_the_next_start(
    door: Door, broken_file: Path, why: str
) -> None:
    mend(broken_file)
    await door.restart()
    async with client(door) as http:
        assert (await http.get("health")).json()["status"] == "healthy"
