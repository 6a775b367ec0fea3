"""`POST resume`: an answer in crewAI AMP's shape."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.server.standalone import HumanInputServer

BODY = {"execution_id": "x1", "task_id": "t1", "human_feedback": "Fine", "is_approve": True}


@pytest.fixture
def http(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with HumanInputServer(port=0) as server, httpx.Client(base_url=server.url) as client:
        yield client


def _ask(http: httpx.Client, request_id: str, **fields: Any) -> None:
    event = {
        "type": "human_input_required",
        "prompt": "?",
        "request_id": request_id,
        "execution_id": "x1",
        "task_id": "t1",
        **fields,
    }
    assert http.post("events", json=event).status_code == 200


def test_is_approve_accepts_and_keeps_the_feedback(http: httpx.Client) -> None:
    _ask(http, "other", task_id="t2")
    _ask(http, "mine")
    body = http.post("resume", json={**BODY, "taskWebhookUrl": "https://x.example"}).json()
    assert body["request_id"] == "mine"
    assert body["event"]["decision"] == "approve"
    assert body["event"]["human_feedback"] == "Fine"
    assert http.get("requests/other").json()["status"] == "pending"


def test_not_approved_sends_the_feedback_back(http: httpx.Client) -> None:
    _ask(http, "mine")
    event = http.post("resume", json={**BODY, "is_approve": False}).json()["event"]
    assert (event["decision"], event["human_feedback"]) == ("respond", "Fine")


def test_not_approved_without_feedback_is_refused_and_the_request_stays_open(
    http: httpx.Client,
) -> None:
    _ask(http, "mine")
    reply = http.post("resume", json={**BODY, "human_feedback": " ", "is_approve": False})
    assert reply.status_code == 422
    assert reply.json()["field"] == "human_feedback"
    assert http.get("requests/mine").json()["status"] == "pending"


def test_the_next_round_of_a_task_is_found_after_the_last(http: httpx.Client) -> None:
    _ask(http, "first")
    http.post("resume", json={**BODY, "is_approve": False})
    _ask(http, "second", round=2)
    assert http.post("resume", json=BODY).json()["request_id"] == "second"
    again = http.post("resume", json=BODY)
    assert again.status_code == 409
    assert again.json()["error"] == "already_answered"


def test_what_cannot_be_told_apart_is_refused_by_name(http: httpx.Client) -> None:
    _ask(http, "a")
    _ask(http, "b")
    reply = http.post("resume", json=BODY)
    assert reply.status_code == 400
    assert "answer one of b, a" in reply.json()["message"]


def test_a_task_that_asked_nothing_is_unknown(http: httpx.Client) -> None:
    assert http.post("resume", json=BODY).status_code == 404


@pytest.mark.parametrize("missing", BODY)
def test_a_missing_field_is_named(http: httpx.Client, missing: str) -> None:
    reply = http.post("resume", json={k: v for k, v in BODY.items() if k != missing})
    assert reply.status_code == 400
    assert missing in reply.json()["message"]
