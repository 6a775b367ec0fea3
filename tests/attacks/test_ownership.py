"""A key for one crew tries to write into a run of somebody else by naming its crew beside it."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, TypeAlias

import httpx
import pytest
from websockets.sync.client import connect

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store import ownership
from tests.attacks.bare import EITHER, without
from tests.attacks.conftest import caller

Json: TypeAlias = dict[str, Any]
PATIENCE_SECONDS = 15
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def thief(
    server: HumanInputServer, owner: httpx.Client, keyring: Keyring
) -> Iterator[httpx.Client]:
    """Somebody with a key for the crew ``mine`` and every right there."""
    now = datetime(2026, 11, 29, tzinfo=timezone.utc)
    _, key = keyring.add("thief", ["read", "publish", "answer"], now, crews=["mine"])
    with caller(server.url, key) as http:
        yield http


@pytest.fixture
def run(owner: httpx.Client) -> str:
    """A run of the crew ``victim``."""
    execution = f"run-{next(NUMBERS)}"
    started = {"type": "run_started", "execution_id": execution, "crew_id": "victim"}
    owner.post("events", json=started).raise_for_status()
    return execution


def posted(http: httpx.Client, *events: Json) -> int:
    return http.post("events", json=list(events)).status_code


def framed(http: httpx.Client, *events: Json) -> int:
    """Publish by a frame on a WebSocket."""
    url = f"{http.base_url}ws/human-input".replace("http", "ws", 1)
    with connect(url, additional_headers=dict(http.headers)) as socket:
        socket.send(json.dumps({"type": "publish", "ref": "r", "events": list(events)}))
        while (reply := json.loads(socket.recv(PATIENCE_SECONDS))).get("ref") != "r":
            pass
    return int(reply.get("status", 200))


@EITHER
@pytest.mark.parametrize("door", [posted, framed])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "run_cancel_requested", "via": "api"},
        {"type": "run_finished", "result": "all good"},
        {"type": "human_input_required", "prompt": "Approve?"},
        {"type": "human_input_completed", "human_feedback": "Fine."},
    ],
    ids=lambda event: event["type"],
)
def test_nothing_is_written_into_the_run_of_another_crew(
    thief: httpx.Client,
    run: str,
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
    door: Callable[..., int],
    event: Json,
) -> None:
    if bare:
        without(monkeypatch, ownership, "check", lambda reach, event, log: None)
    assert door(thief, {**event, "execution_id": run, "crew_id": "mine"}) == (200 if bare else 403)


@pytest.mark.parametrize("door", [posted, framed])
def test_an_event_that_names_no_scope_or_no_crew_is_refused(
    thief: httpx.Client, run: str, door: Callable[..., int]
) -> None:
    assert door(thief, {"type": "note"}) == 403
    assert door(thief, {"type": "note", "execution_id": run}) == 403
    assert door(thief, {"type": "note", "execution_id": f"new-{run}"}) == 403


@pytest.mark.parametrize("door", [posted, framed])
def test_a_run_of_ones_own_is_written_to(
    thief: httpx.Client, run: str, door: Callable[..., int]
) -> None:
    own = {"execution_id": f"own-{run}", "crew_id": "mine"}
    assert door(thief, {"type": "run_started", **own}) == 200
    assert door(thief, {"type": "run_cancel_requested", **own}, {"type": "note", **own}) == 200
    assert door(thief, {"type": "note", "crew_id": "mine"}) == 200


@EITHER
def test_a_question_put_to_ones_crew_within_the_run_of_another_is_answered_not_cancelled(
    thief: httpx.Client,
    owner: httpx.Client,
    run: str,
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
) -> None:
    if bare:
        without(monkeypatch, ownership, "check", lambda reach, event, log: None)
    names = {"execution_id": run, "crew_id": "mine"}
    ask = {"type": "human_input_required", "prompt": "?", **names}
    owner.post("events", json=[{**ask, "request_id": f"{run}-{n}"} for n in range(2)])
    ending = {"type": "human_input_cancelled", "reason": "withdrawn", **names}
    ends = [
        thief.post(f"requests/{run}-0/cancel", json={}).status_code,
        posted(thief, {**ending, "request_id": f"{run}-1"}),
    ]
    assert ends == ([200, 200] if bare else [403, 403])
    if not bare:
        said = {"human_feedback": "Fine."}
        assert thief.post(f"requests/{run}-0/answer", json=said).status_code == 200


def test_an_event_that_is_sent_again_says_so_and_writes_nothing(
    thief: httpx.Client, owner: httpx.Client, run: str
) -> None:
    event = {"type": "note", "event_id": f"e-{run}", "execution_id": run, "crew_id": "mine"}
    owner.post("events", json=event).raise_for_status()
    again = thief.post("events", json=event)
    assert [e["duplicate"] for e in again.json()["events"]] == [True]
