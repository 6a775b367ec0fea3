"""Limited keys: what a bearer may do, and that nothing out of reach ever comes to them."""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.conftest import KEY

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """Return an empty keyring on a file."""
    return Keyring(tmp_path / "keys" / "keys.json")


@pytest.fixture
def server(keyring: Keyring, tmp_path: Path) -> Iterator[HumanInputServer]:
    """Return a server with a key that may do everything, and the keyring's."""
    with HumanInputServer(
        port=0, api_key=KEY, keys_file=tmp_path / "keys" / "keys.json"
    ) as running:
        yield running


def _as(server: HumanInputServer, key: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"})


def _ask(request_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "human_input_required", "prompt": "?", "request_id": request_id, **fields}


@pytest.mark.parametrize("right", ["read", "publish", "answer"])
def test_a_key_does_what_it_may_and_nothing_else(
    server: HumanInputServer, http: httpx.Client, keyring: Keyring, right: Any
) -> None:
    http.post("events", json=_ask("r1"))
    _, key = keyring.add("dashboard", [right], NOW)
    with _as(server, key) as limited:
        done = {
            "read": limited.get("requests").status_code,
            "publish": limited.post("events", json={"type": "x"}).status_code,
            "answer": limited.post("requests/r1/answer", json={}).status_code,
        }
    assert {name for name, status in done.items() if status == 200} == {right}
    assert {status for name, status in done.items() if name != right} == {403}


def test_a_revoked_key_is_refused_at_once(server: HumanInputServer, keyring: Keyring) -> None:
    entry, key = keyring.add("dashboard", ["read"], NOW)
    with _as(server, key) as limited:
        assert limited.get("requests").status_code == 200
        keyring.revoke(entry.id)
        limited.cookies.clear()
        assert limited.get("requests").status_code == 401


def test_the_cookie_of_a_revoked_key_is_refused(server: HumanInputServer, keyring: Keyring) -> None:
    entry, key = keyring.add("dashboard", ["read"], NOW)
    with httpx.Client(base_url=server.url) as browser:
        assert browser.get("", params={"token": key}).status_code == 200
        assert browser.get("requests").status_code == 200
        keyring.revoke(entry.id)
        assert browser.get("requests").status_code == 401


def test_the_cookie_of_a_limited_key_is_as_limited(
    server: HumanInputServer, http: httpx.Client, keyring: Keyring
) -> None:
    http.post("events", json=[_ask("mine", execution_id="x1"), _ask("theirs", execution_id="x2")])
    _, key = keyring.add("dashboard", ["read"], NOW, executions=["x1"])
    with httpx.Client(base_url=server.url) as browser:
        browser.get("", params={"token": key})
        listed = browser.get("requests").json()["requests"]
    assert [request["request_id"] for request in listed] == ["mine"]


@pytest.mark.parametrize("limit", [{"executions": ["x1"]}, {"crews": ["c1"]}])
def test_what_is_out_of_reach_does_not_exist(
    server: HumanInputServer, http: httpx.Client, keyring: Keyring, limit: dict[str, Any]
) -> None:
    http.post(
        "events",
        json=[
            _ask("mine", execution_id="x1", crew_id="c1"),
            _ask("theirs", execution_id="x2", crew_id="c2"),
            {"type": "x"},
        ],
    )
    _, key = keyring.add("limited", ["read", "publish", "answer"], NOW, **limit)
    with _as(server, key) as limited:
        listed = limited.get("requests").json()["requests"]
        assert [request["request_id"] for request in listed] == ["mine"]
        polled = limited.get("poll/human-input").json()["events"]
        assert [event["request_id"] for event in polled] == ["mine"]
        assert limited.get("poll/human-input/x2").json()["events"] == []
        assert limited.get("requests/theirs").status_code == 404
        for act in ("answer", "claim", "cancel"):
            assert limited.post(f"requests/theirs/{act}", json={}).status_code == 404
        assert limited.post("requests/mine/answer", json={}).status_code == 200
    assert http.get("requests/theirs").json()["status"] == "pending"


def test_a_limited_subscriber_gets_nothing_out_of_reach_live_or_replayed(
    server: HumanInputServer, http: httpx.Client, keyring: Keyring
) -> None:
    http.post("events", json=[_ask("before", execution_id="x2"), _ask("mine", execution_id="x1")])
    _, key = keyring.add("limited", ["read"], NOW, executions=["x1"])
    url = server.url.replace("http", "ws") + f"ws/human-input?token={key}"
    with connect(url) as socket:
        got = [str(socket.recv()), str(socket.recv())]
        http.post("events", json=_ask("after", execution_id="x2"))
        http.post("events", json=_ask("marker", execution_id="x1"))
        while '"marker"' not in got[-1]:
            got.append(str(socket.recv()))
    assert not [frame for frame in got if '"x2"' in frame]


def test_a_limited_publisher_publishes_within_its_reach(
    server: HumanInputServer, http: httpx.Client, keyring: Keyring
) -> None:
    http.post("events", json=_ask("theirs", execution_id="x2"))
    _, key = keyring.add("runner", ["publish", "answer"], NOW, executions=["x1"])
    cancel = {"type": "human_input_cancelled", "reason": "withdrawn", "execution_id": "x1"}
    with _as(server, key) as limited:
        assert limited.post("events", json=_ask("a", execution_id="x1")).status_code == 200
        outside = limited.post("events", json=_ask("b", execution_id="x2"))
        assert outside.status_code == 403
        assert "execution `x1`" in outside.json()["message"]
        assert limited.post("events", json={"type": "x"}).status_code == 403
        # An event in reach by its own words, about a request that is not.
        about = limited.post("events", json={**cancel, "request_id": "theirs"})
        assert about.status_code == 404
    assert http.get("requests/theirs").json()["status"] == "pending"


def test_the_file_holds_no_key_and_only_its_owner_reads_it(
    keyring: Keyring, tmp_path: Path
) -> None:
    entry, key = keyring.add("dashboard", ["read"], NOW)
    file = tmp_path / "keys" / "keys.json"
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert keyring.find(key) == entry
    assert keyring.find(key + "x") is None
    assert keyring.find(key[:-1]) is None
    assert keyring.find("") is None
    assert [found.name for found in Keyring(file).all()] == ["dashboard"]
    assert keyring.revoke(entry.id)
    assert not keyring.revoke(entry.id)
