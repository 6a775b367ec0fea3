"""A key is revoked while its bearer holds connections open: what is open must not stay so."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from crewai_hitl_nb.server.auth.api_keys import Caller
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.auth.revocation import OpenStreams
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.bare import EITHER, without
from tests.attacks.conftest import KEY, caller

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
HEARTBEAT_SECONDS = 0.2
PATIENCE_SECONDS = 15
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(keys_file: object) -> Iterator[HumanInputServer]:
    """A server that looks at its keys often."""
    with HumanInputServer(
        port=0, api_key=KEY, keys_file=str(keys_file), heartbeat=HEARTBEAT_SECONDS
    ) as running:
        yield running


@pytest.fixture
def bearer(keyring: Keyring) -> tuple[str, str]:
    """The id of a key for everything, and the key."""
    entry, key = keyring.add("bearer", ["read", "publish", "answer"], NOW)
    return entry.id, key


def ask(owner: httpx.Client) -> str:
    request_id = f"q{next(NUMBERS)}"
    event = {"type": "human_input_required", "request_id": request_id, "prompt": "Good?"}
    owner.post("events", json=event).raise_for_status()
    return request_id


def last(owner: httpx.Client) -> str:
    """Return the id of the last event, behind which a poll waits."""
    ask(owner)
    return str(owner.get("poll/human-input", params={"limit": "1000"}).json()["last_event_id"])


def until(good: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not good():
        assert time.monotonic() < deadline


def socket_of(server: HumanInputServer, key: str) -> ClientConnection:
    url = f"{server.url}ws/human-input".replace("http", "ws", 1)
    return connect(url, additional_headers={"Authorization": f"Bearer {key}"})


def hears(connection: ClientConnection, words: str) -> bool:
    """Read until the words come, or the end."""
    try:
        while words not in str(connection.recv(PATIENCE_SECONDS)):
            pass
    except ConnectionClosed:
        return False
    return True


@EITHER
def test_a_socket_of_a_revoked_key_is_closed(
    server: HumanInputServer,
    owner: httpx.Client,
    keyring: Keyring,
    bearer: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
) -> None:
    if bare:
        without(monkeypatch, OpenStreams, "end_revoked", lambda self: None)
    key_id, key = bearer
    with socket_of(server, key) as connection:
        assert hears(connection, '"heartbeat"')
        keyring.revoke(key_id)
        secret = ask(owner) if bare else "what is asked after the end"
        assert hears(connection, secret) is bare


@EITHER
def test_an_event_stream_of_a_revoked_key_ends(
    server: HumanInputServer,
    owner: httpx.Client,
    keyring: Keyring,
    bearer: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
) -> None:
    if bare:
        without(monkeypatch, OpenStreams, "end_revoked", lambda self: None)
    key_id, key = bearer
    with caller(server.url, key) as http, http.stream("GET", "events/human-input") as reply:
        lines = reply.iter_lines()
        assert any(line == "event: heartbeat" for line in lines)
        keyring.revoke(key_id)
        secret = ask(owner) if bare else "what is asked after the end"
        assert any(secret in line for line in lines) is bare


@EITHER
def test_a_socket_of_a_revoked_key_answers_nothing_more(
    server: HumanInputServer,
    owner: httpx.Client,
    keyring: Keyring,
    bearer: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
) -> None:
    if bare:
        without(monkeypatch, Caller, "is_valid", lambda self: True)
    without(monkeypatch, OpenStreams, "end_revoked", lambda self: None)
    key_id, key = bearer
    request_id = ask(owner)
    with socket_of(server, key) as connection:
        keyring.revoke(key_id)
        connection.send(json.dumps({"type": "answer", "ref": "r", "request_id": request_id}))
        assert hears(connection, '"ref":"r"')
    status = owner.get(f"requests/{request_id}").json()["status"]
    assert status == ("answered" if bare else "pending")


def test_a_held_poll_of_a_revoked_key_comes_back_empty_and_the_next_is_refused(
    server: HumanInputServer, owner: httpx.Client, keyring: Keyring, bearer: tuple[str, str]
) -> None:
    key_id, key = bearer
    until(lambda: owner.get("health").json()["subscriptions"] == 0)  # those of other tests
    with caller(server.url, key) as http, ThreadPoolExecutor(1) as aside:
        held = aside.submit(http.get, f"poll/human-input?timeout=60&last_event_id={last(owner)}")
        until(lambda: owner.get("health").json()["subscriptions"] == 1)
        keyring.revoke(key_id)
        assert held.result(PATIENCE_SECONDS).json()["events"] == []
        assert http.get("poll/human-input").status_code == 401


@EITHER
def test_who_only_reads_keeps_no_dead_waiter_present(
    server: HumanInputServer, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    rights = ["read", "publish"] if bare else ["read"]
    _, key = keyring.add("reader", rights, NOW)  # type: ignore[arg-type]
    with caller(server.url, key) as http:
        reply = http.get("poll/human-input", params={"source": "a-kernel", "timeout": "0"})
        assert (reply.status_code == 200) is bare
        with http.stream("GET", "events/human-input", params={"source": "a-kernel"}) as stream:
            assert (stream.status_code == 200) is bare
        assert http.get("sources/a-kernel").json()["present"] is bare
