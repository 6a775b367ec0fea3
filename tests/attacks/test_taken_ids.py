"""Event ids that somebody took beforehand: their event never stands for what came later."""

import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msgspec
import pytest

from crewai_hitl_nb.protocol.answer import AcceptedAnswer
from crewai_hitl_nb.protocol.ids import derived_event_id
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, Serve, caller

Json: TypeAlias = dict[str, Any]
ONCE_PUBLIC = uuid.UUID("6f0c7b1e-6c0e-5b8a-9a51-3f0a4d2e7c11")
"""The namespace of answers' ids before there was a secret in them; the text is public."""

REJECT: Json = {"decision": "reject"}


@pytest.fixture(params=["memory", "sqlite"])
def served(serve: Serve, tmp_path: Path, request: pytest.FixtureRequest) -> HumanInputServer:
    store = {} if request.param == "memory" else {"store": tmp_path / "log.db"}
    return serve(api_key=KEY, keys_file=tmp_path / "keys.json", **store)


def guessed(request_id: str, key: str) -> list[str]:
    """Return the ids that an outsider can make for this answer and this reminder."""
    accepted = AcceptedAnswer(human_feedback="", decision="reject", options=None, values=None)
    said = msgspec.json.encode([request_id, key, accepted], order="deterministic").decode()
    return [
        str(uuid.uuid5(ONCE_PUBLIC, said)),
        derived_event_id(request_id, "reminded"),
        derived_event_id(request_id, "answer"),
    ]


@pytest.mark.parametrize("kind", ["note", "human_input_reminded", "human_input_claimed"])
def test_an_answer_under_a_key_is_stored_whoever_took_the_id_it_could_have(
    served: HumanInputServer, kind: str
) -> None:
    with caller(served.url, KEY) as http:
        question = {
            "type": "human_input_required",
            "request_id": "q1",
            "prompt": "Pay?",
            "response": {"decisions": ["approve", "reject"]},
        }
        http.post("events", json=question).raise_for_status()
        about = {} if kind == "note" else {"request_id": "q1"}
        claim = {"claimed_by": {"name": "x", "via": "api"}} if "claimed" in kind else {}
        for name in guessed("q1", "1"):
            http.post("events", json={"type": kind, "event_id": name, **about, **claim})
        for _ in range(2):
            reply = http.post("requests/q1/answer", json=REJECT, headers={"Idempotency-Key": "1"})
            assert (reply.status_code, reply.json()["event"]["decision"]) == (200, "reject")
        assert http.get("requests/q1").json()["completion"]["decision"] == "reject"


def test_the_same_words_under_the_same_key_are_one_answer_only_of_one_person(
    served: HumanInputServer, tmp_path: Path
) -> None:
    ring = Keyring(tmp_path / "keys.json")
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    keys = [ring.add(name, ["read", "publish", "answer"], now)[1] for name in ("ada", "bob")]
    with caller(served.url, keys[0]) as ada, caller(served.url, keys[1]) as bob:
        ada.post("events", json={"type": "human_input_required", "request_id": "q1", "prompt": "?"})
        key = {"Idempotency-Key": "1"}
        said = {"human_feedback": "Yes"}
        first = ada.post("requests/q1/answer", json=said, headers=key)
        assert first.status_code == 200
        late = bob.post("requests/q1/answer", json=said, headers=key)
        assert (late.status_code, late.json()["winner"]["name"]) == (409, "ada")
        assert ada.post("requests/q1/answer", json=said, headers=key).text == first.text


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"wind": 8},
        {"wind": None},
        {"execution_id": "another"},
        {"new": None},
        {"deep": {"er": [1, 3]}},
    ],
)
def test_under_a_taken_id_nothing_else_is_ever_said_to_be_stored(
    served: HumanInputServer, change: Json
) -> None:
    note = {"type": "note", "event_id": "n", "execution_id": "e", "wind": 7, "deep": {"er": [1, 2]}}
    with caller(served.url, KEY) as http:
        assert http.post("events", json=note).json()["events"][0]["duplicate"] is False
        again = http.post("events", json={**note, "timestamp": "2026-11-22T01:00:00Z"})
        assert again.json()["events"][0]["duplicate"] is True
        refused = http.post("events", json=[{"type": "note"}, {**note, **change}])
        assert (refused.status_code, refused.json()["error"]) == (409, "event_exists")
        assert len(http.get("poll/human-input").json()["events"]) == 1


def test_a_question_under_a_taken_id_is_refused_and_so_is_an_answer(
    served: HumanInputServer,
) -> None:
    with caller(served.url, KEY) as http:
        _taken_by_a_note(http, "q")
        question = {"type": "human_input_required", "event_id": "q", "prompt": "Pay?"}
        assert http.post("events", json=question).status_code == 409
        http.post("events", json={**question, "event_id": "q2"}).raise_for_status()
        _taken_by_a_note(http, "a")
        answer = {"type": "human_input_completed", "event_id": "a", "request_id": "q2"}
        assert http.post("events", json=answer).status_code == 409
        assert http.get("requests/q2").json()["status"] == "pending"


def _taken_by_a_note(http: httpx.Client, event_id: str) -> None:
    http.post("events", json={"type": "note", "event_id": event_id}).raise_for_status()
