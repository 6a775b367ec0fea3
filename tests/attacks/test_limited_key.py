"""A key limited to one execution tries another one's question, by every endpoint that there is.

What is out of reach must not be told from what does not exist.
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery import subscription
from crewai_hitl_nb.broker.requests import admission
from crewai_hitl_nb.broker.scoped_broker import ScopedBroker
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.server import caller as caller_module
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.describe.operations import OPERATIONS
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store import memory
from tests.attacks.bare import EITHER, lets_pass, without
from tests.attacks.conftest import caller
from tests.attacks.theft import OWN_EVENT, READS, SAYS_NOTHING, WRITES, Json, Way

SECRET = "the words of another execution"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def thief(
    server: HumanInputServer, owner: httpx.Client, keyring: Keyring
) -> Iterator[httpx.Client]:
    """Somebody with a key for one execution and every right there."""
    owner.post("events", json=OWN_EVENT).raise_for_status()
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    _, key = keyring.add("thief", ["read", "publish", "answer"], now, executions=["x1"])
    with caller(server.url, key) as http:
        yield http


@pytest.fixture
def theirs(owner: httpx.Client) -> Json:
    """A question of another execution."""
    return asked(owner)


def asked(owner: httpx.Client) -> Json:
    number = next(NUMBERS)
    names = ("request_id", "event_id", "execution_id", "crew_id", "task_id")
    question = {
        "type": "human_input_required",
        "prompt": f"{SECRET}, {number}",
        **{name: f"{name}-of-theirs-{number}" for name in names},
    }
    place = f"requests/{question['request_id']}/files"
    file = owner.post(place, content=question["prompt"].encode()).raise_for_status().json()
    attached = {"file-1": {FILE: file}}
    owner.post("events", json={**question, "attachments": attached}).raise_for_status()
    return {**question, "sha256": file["sha256"]}


def believe_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what holds an event to its request and to the stored one of its id."""
    without(monkeypatch, admission, "placed", lambda required, event: event)
    without(monkeypatch, memory, "check_same", lambda stored, event: None)


def ways(table: dict[str, tuple[Way, ...]]) -> dict[str, Way]:
    return {
        f"{name} {number}": way for name, some in table.items() for number, way in enumerate(some)
    }


def each(table: dict[str, tuple[Way, ...]]) -> pytest.MarkDecorator:
    named = ways(table)
    return pytest.mark.parametrize("way", named.values(), ids=named)


def test_every_endpoint_is_attacked() -> None:
    known = {f"{method} {path}" for method, path in OPERATIONS}
    assert known - {*READS, *WRITES, *SAYS_NOTHING} == set()


@each(READS)
def test_the_words_of_another_execution_are_not_read(
    thief: httpx.Client, theirs: Json, way: Way
) -> None:
    assert SECRET not in way(thief, theirs).text


@each(WRITES)
def test_the_question_of_another_execution_is_not_touched(
    thief: httpx.Client, owner: httpx.Client, theirs: Json, way: Way
) -> None:
    before = owner.get(f"requests/{theirs['request_id']}").json()
    assert SECRET not in way(thief, theirs).text
    assert owner.get(f"requests/{theirs['request_id']}").json() == before


def test_bare_of_its_reach_a_key_reads_by_each_of_these_ways(
    thief: httpx.Client, theirs: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, caller_module, "ScopedBroker", lambda broker, reach: broker)
    opened = {name for name, way in ways(READS).items() if SECRET in way(thief, theirs).text}
    assert opened == set(ways(READS))


def test_bare_of_its_reach_a_key_touches_by_each_of_these_ways(
    thief: httpx.Client, owner: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, caller_module, "ScopedBroker", lambda broker, reach: broker)
    believe_every_event(monkeypatch)
    opened = set()
    for name, way in ways(WRITES).items():
        question = asked(owner)
        way(thief, question)
        request = owner.get(f"requests/{question['request_id']}").json()
        if request["status"] != "pending" or request["claimed_by"] is not None:
            opened.add(name)
    assert opened == set(ways(WRITES))


@EITHER
@pytest.mark.parametrize("number", [3, 4], ids=["their event", "an event of its own"])
def test_an_event_that_is_sent_again_opens_no_way_to_its_request(
    thief: httpx.Client,
    owner: httpx.Client,
    theirs: Json,
    monkeypatch: pytest.MonkeyPatch,
    bare: bool,
    number: int,
) -> None:
    if bare:
        without(monkeypatch, ScopedBroker, "_check", lets_pass)
        without(monkeypatch, Broker, "is_taken", lets_pass)
        believe_every_event(monkeypatch)
    WRITES["post /events"][number](thief, theirs)
    status = owner.get(f"requests/{theirs['request_id']}").json()["status"]
    assert status == ("answered" if bare else "pending")


@EITHER
def test_an_event_that_is_sent_again_tells_nothing_of_its_place_and_its_request(
    thief: httpx.Client, theirs: Json, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:
        without(monkeypatch, Broker, "is_taken", lets_pass)
        believe_every_event(monkeypatch)
    guess = {"type": "note", "event_id": theirs["event_id"], "execution_id": "x1"}
    reply = thief.post("events", json=guess)
    assert (reply.status_code == 200) is bare
    assert (theirs["request_id"] in reply.text) is bare


def test_what_is_out_of_reach_reads_like_what_never_was(thief: httpx.Client, theirs: Json) -> None:
    for act in ("", "/answer", "/claim", "/cancel"):
        there, nowhere = (
            thief.request("POST" if act else "GET", f"requests/{name}{act}", json={})
            for name in (theirs["request_id"], "nobody")
        )
        assert there.status_code == nowhere.status_code == 404
        assert there.text.replace(theirs["request_id"], "nobody") == nowhere.text


@EITHER
def test_no_stream_is_resumed_from_an_event_out_of_reach(
    thief: httpx.Client, theirs: Json, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:

        async def anywhere(store: Any, reach: Any, event_id: str) -> int | None:
            place: int | None = await store.offset_of(event_id)
            return place

        without(monkeypatch, subscription, "offset_within", anywhere)
    reply = thief.get("poll/human-input", params={"last_event_id": theirs["event_id"]}).json()
    assert ("gap" not in reply) is bare


@pytest.mark.parametrize("path", ["webhooks", "metrics"])
def test_deliveries_and_numbers_are_shown_to_no_limited_key(
    thief: httpx.Client, owner: httpx.Client, path: str
) -> None:
    assert owner.get(path).status_code == 200
    assert thief.get(path).status_code == 403


@EITHER
def test_whether_a_process_is_there_is_told_to_who_sees_what_names_it(
    thief: httpx.Client, owner: httpx.Client, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:
        without(monkeypatch, caller_module, "ScopedBroker", lambda broker, reach: broker)
    shows = {"x1": "a-process-of-x1", "x2": "a-process-of-x2"}
    for execution, source in shows.items():
        event = {"type": "run_started", "execution_id": execution, "source": {"id": source}}
        owner.post("events", json=event).raise_for_status()
    sources = [*shows.values(), "a-process-that-said-nothing"]
    with ExitStack() as stack:
        for source in sources:
            params = {"source": source}
            reply = stack.enter_context(owner.stream("GET", "events/human-input", params=params))
            assert any(line == "event: heartbeat" for line in reply.iter_lines())
        told = [thief.get(f"sources/{source}").json()["present"] for source in sources]
    assert told == [True, bare, bare]


def test_health_tells_a_limited_key_no_numbers(thief: httpx.Client, owner: httpx.Client) -> None:
    numbers = {"epoch", "offset", "pending", "subscriptions"}
    assert numbers < set(owner.get("health").json())
    assert not numbers & set(thief.get("health").json())
    assert set(thief.get("health/live").json()) == {"status", "timestamp"}
