"""Which databases resuming a flow opens, and whose questions resume it.

A log holds what others published. So a path in it opens nothing, and a question resumes a flow
only where the flow's own stored record proves that the flow asked it.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from crewai.flow.async_feedback import HumanFeedbackPending
from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback
from crewai.flow.persistence import SQLiteFlowPersistence, persist

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client, Request
from crewai_hitl_nb.kernel.flows.outcome import REQUEST_KEY
from crewai_hitl_nb.kernel.flows.stored_flow import DIGEST_KEY, NotItsQuestion, StoredElsewhere
from crewai_hitl_nb.kernel.public.resume_pending import ResumedFlow
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import wait_until_closed

DEFAULT = {"options": ["pay"], "decision": "respond"}

TERMS = {"timeout": 3600.5, "on_expiry": "default", "default": {"options": ["keep"]}}

Change = Callable[[dict[str, Any]], None]


class Payment(Flow[dict[str, Any]]):
    """Pays, once somebody said so."""

    @start()
    @human_feedback(message="Pay?", emit=["pay", "keep"], llm="anthropic/none")
    def prepare(self) -> str:
        return "an invoice"

    @listen("pay")
    def transfer(self, _: object) -> str:
        return f"paid to {self.state['account']}"


@pytest.fixture(autouse=True)
def durable(
    server: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The bridge of this process, in which flows pause, with a default store of its own."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    hitl.enable(server.prefix, server.token, durable_flows=True)
    yield
    hitl.disable()


def paused(client: Client, flow: Flow[Any], account: str = "ours") -> Request:
    result = flow.kickoff(inputs={"account": account})
    assert isinstance(result, HumanFeedbackPending), result
    return client.request(result.callback_info["request_id"])


def record(database: str, flow_id: str, change: Change) -> None:
    """Change what is stored of a paused flow."""
    store = SQLiteFlowPersistence(database)
    loaded = store.load_pending_feedback(flow_id)
    assert loaded is not None
    state, context = loaded
    change(context.metadata)
    store.save_pending_feedback(flow_id, context, state)


def forged(like: Request, **fields: Any) -> dict[str, Any]:
    """Return a question in the place of another, whose default pays at once."""
    assert like.pause is not None
    return {
        "type": "human_input_required",
        "request_id": uuid.uuid4().hex,
        "kind": "flow_feedback",
        "prompt": like.prompt,
        "pause": {
            "flow_id": like.pause.flow_id,
            "flow_class": like.pause.flow_class,
            "persistence": like.pause.persistence,
        },
        "expires_at": (datetime.now(timezone.utc) - timedelta(seconds=5)).isoformat(),
        "response": {"options": ["pay", "keep"], "on_expiry": "default", "default": DEFAULT},
        **fields,
    }


def answered_by_default(client: Client, question: dict[str, Any]) -> str:
    client.publish(question)
    request_id = str(question["request_id"])
    assert wait_until_closed(client, request_id).status == "answered"
    return request_id


def tables_of(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def result_of(request_id: str, *, persistence: Any = None) -> ResumedFlow:
    (result,) = (
        each
        for each in hitl.resume_pending(Payment, persistence=persistence)
        if each.request_id == request_id
    )
    return result


def test_a_database_that_only_a_question_names_is_neither_opened_nor_changed(
    client: Client, tmp_path: Path
) -> None:
    hostile, foreign, empty = (tmp_path / name for name in ("hostile.db", "foreign.db", "empty"))
    like = paused(client, Payment(persistence=SQLiteFlowPersistence(str(hostile))), "mallory's")
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE mine (a)")
    empty.touch()
    places = {
        answered_by_default(
            client,
            forged(like, pause={**forged(like)["pause"], "persistence": str(path)}),
        ): path
        for path in (hostile, foreign, empty, tmp_path / "absent.db")
    }
    asked = like.pause
    assert asked is not None
    (stored_for, *_) = places
    record(str(hostile), asked.flow_id, lambda said: said.update({REQUEST_KEY: stored_for}))

    for request_id, path in places.items():
        result = result_of(request_id)
        assert (result.status, type(result.error)) == ("failed", StoredElsewhere)
        assert str(path) in str(result.error)
        assert "persistence=" in str(result.error)
    assert tables_of(foreign) == {"mine"}
    assert empty.stat().st_size == 0
    assert not (tmp_path / "absent.db").exists()
    assert [path.name for path in tmp_path.iterdir() if "hitl" in path.name] == []


def test_a_flow_is_found_where_its_class_stores_it(client: Client, tmp_path: Path) -> None:
    @persist(SQLiteFlowPersistence(str(tmp_path / "own.db")))
    class Stored(Flow[dict[str, Any]]):
        @start()
        @human_feedback(message="Pay?", emit=["pay", "keep"], llm="anthropic/none", metadata=TERMS)
        def prepare(self) -> str:
            return "an invoice"

        @listen("pay")
        def transfer(self, _: object) -> str:
            return f"paid to {self.state['account']}"

    question = paused(client, Stored())
    client.answer(question.request_id, options=["pay"])

    (result,) = hitl.resume_pending(Stored)
    assert (result.status, result.result) == ("finished", "paid to ours")


def test_a_flow_is_found_in_the_callers_persistence_also_after_its_database_moved(
    client: Client, tmp_path: Path
) -> None:
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    question = paused(client, Payment(persistence=SQLiteFlowPersistence(str(before))))
    client.answer(question.request_id, options=["pay"])
    assert result_of(question.request_id).status == "failed"
    before.rename(after)
    moved = SQLiteFlowPersistence(str(after))

    assert result_of(question.request_id, persistence=moved).result == "paid to ours"
    assert [
        each
        for each in hitl.resume_pending(Payment, persistence=moved)
        if each.request_id == question.request_id
    ] == []


def test_a_flow_that_was_resumed_where_it_is_stored_is_not_reported_elsewhere(
    client: Client, tmp_path: Path
) -> None:
    elsewhere = SQLiteFlowPersistence(str(tmp_path / "elsewhere.db"))
    resumed, left = (paused(client, Payment(persistence=elsewhere)) for _ in range(2))
    client.answer(resumed.request_id, options=["pay"])
    assert result_of(resumed.request_id, persistence=elsewhere).status == "finished"
    client.answer(left.request_id, options=["pay"])

    reported = {each.request_id: each for each in hitl.resume_pending(Payment)}
    assert resumed.request_id not in reported
    assert isinstance(reported[left.request_id].error, StoredElsewhere)


def test_a_question_that_the_flow_did_not_ask_does_not_resume_it(client: Client) -> None:
    """Also where it has the id of the one that it waits for, say in a log that was lost."""
    question = paused(client, Payment())
    assert question.pause is not None
    forgery = forged(question)
    beside = answered_by_default(client, forged(question))
    answered_by_default(client, forgery)

    def taken(metadata: dict[str, Any]) -> None:
        metadata[REQUEST_KEY] = forgery["request_id"]

    assert beside not in {each.request_id for each in hitl.resume_pending(Payment)}
    record(str(question.pause.persistence), question.pause.flow_id, taken)
    result = result_of(forgery["request_id"])
    assert (result.status, type(result.error)) == ("failed", NotItsQuestion)
    assert "from_pending" in str(result.error)


def test_a_flow_of_an_earlier_version_is_resumed_by_a_person_and_not_by_a_default(
    client: Client,
) -> None:
    question, other = paused(client, Payment()), paused(client, Payment())
    assert question.pause is not None
    assert other.pause is not None
    forgery = forged(question)
    answered_by_default(client, forgery)

    def old(metadata: dict[str, Any]) -> None:
        del metadata[DIGEST_KEY]
        metadata[REQUEST_KEY] = forgery["request_id"]

    record(str(question.pause.persistence), question.pause.flow_id, old)
    record(str(other.pause.persistence), other.pause.flow_id, lambda said: said.pop(DIGEST_KEY))
    client.answer(other.request_id, options=["pay"])

    results = {each.request_id: each for each in hitl.resume_pending(Payment)}
    assert isinstance(results[forgery["request_id"]].error, NotItsQuestion)
    assert results[other.request_id].result == "paid to ours"
