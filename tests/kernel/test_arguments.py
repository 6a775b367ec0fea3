"""What public functions say of arguments of the wrong kind, and what they take besides."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from crewai import Agent, Task
from crewai.flow.flow import Flow
from pydantic import BaseModel

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.gates.gates import GATES
from crewai_hitl_nb.kernel.questions.annotations import annotation_of
from tests.kernel.conftest import next_question
from tests.kernel.test_ask import asked
from tests.kernel.test_gates import DeleteTool


class Form(BaseModel):
    """A form."""

    n: int = 1


class SomeFlow(Flow[Any]):
    """A flow that is never run."""


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Find no server, since no wrong call gets so far as to need one."""
    for name in ("CREWAI_HITL_URL", "CREWAI_HITL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield
    hitl.disable()


def task() -> Task:
    """Return a task."""
    return Task(description="Write", expected_output="A text", human_input=True)


ASK: list[tuple[str, dict[str, Any]]] = [
    ("prompt", {"prompt": 123}),
    ("prompt", {"prompt": None}),
    ("options", {"options": "yes"}),
    ("options", {"options": 3}),
    ("options", {"options": {"yes": 1}}),
    ("multiple", {"options": ["a"], "multiple": "no"}),
    ("schema", {"schema": "Form"}),
    ("schema", {"schema": Form()}),
    ("schema", {"schema": [Form]}),
    ("timeout", {"timeout": "5"}),
    ("timeout", {"timeout": True}),
    ("timeout", {"timeout": float("nan")}),
    ("timeout", {"timeout": datetime(2026, 5, 1)}),
    ("timeout", {"timeout": timedelta(seconds=-1)}),
    ("remind_after", {"remind_after": "soon"}),
    ("on_expiry", {"on_expiry": "approve"}),
    ("on_expiry", {"on_expiry": ["wait"]}),
    ("reason_flags", {"reason_flags": 1}),
    ("reason_flags", {"reason_flags": [1]}),
    ("assignee", {"assignee": ["ada"]}),
]


@pytest.mark.parametrize(("name", "given"), ASK)
def test_a_question_names_the_argument_that_is_of_the_wrong_kind(
    name: str, given: dict[str, Any]
) -> None:
    arguments = {"prompt": "Which?", **given}
    with pytest.raises(ValueError, match=rf"^{name} (is|must be) "):
        hitl.ask(**arguments)
    with pytest.raises(ValueError, match=rf"^{name} (is|must be) "):
        asyncio.run(hitl.ask_async(**arguments))


CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("url", lambda: hitl.enable(8000)),  # type: ignore[arg-type]
    ("timeout", lambda: hitl.enable(timeout="5")),  # type: ignore[arg-type]
    ("durable_flows", lambda: hitl.enable(durable_flows="yes")),  # type: ignore[arg-type]
    ("durable_flows", lambda: hitl.enable(durable_flows=[SomeFlow()])),  # type: ignore[list-item]
    ("task", lambda: hitl.annotate("t", prompt="?")),  # type: ignore[arg-type]
    ("prompt", lambda: hitl.annotate(task(), prompt=1)),  # type: ignore[arg-type]
    ("reason_flags", lambda: hitl.annotate(task(), reason_flags=1)),  # type: ignore[arg-type]
    ("response", lambda: hitl.annotate(task(), response="approve")),  # type: ignore[arg-type]
    ("tools", lambda: hitl.approve_tools(3)),  # type: ignore[arg-type]
    ("tools", lambda: hitl.approve_tools([print])),  # type: ignore[list-item]
    ("agents", lambda: hitl.approve_tools("a", agents=Agent)),  # type: ignore[arg-type]
    ("default", lambda: hitl.approve_tools("a", default="reject")),  # type: ignore[arg-type]
    ("edit", lambda: hitl.approve_tools("a", edit="no")),  # type: ignore[arg-type]
    ("inputs", lambda: hitl.start(SomeFlow(), "a")),  # type: ignore[arg-type]
    ("flows", lambda: hitl.resume_pending(SomeFlow())),  # type: ignore[arg-type]
    ("flows", lambda: hitl.resume_pending([Form])),  # type: ignore[list-item]
    ("persistence", lambda: hitl.resume_pending(SomeFlow, persistence="a.db")),  # type: ignore[arg-type]
    ("timeout", lambda: hitl.AskHumanTool(timeout="soon")),  # type: ignore[arg-type]
    ("timeout", lambda: hitl.AskHumanTool(timeout=True)),
    ("remind_after", lambda: hitl.AskHumanTool(remind_after="5")),  # type: ignore[arg-type]
    ("assignee", lambda: hitl.AskHumanTool(assignee=1)),  # type: ignore[arg-type]
    ("port", lambda: hitl.HumanInputServer(port="8000")),
    ("api_key", lambda: hitl.HumanInputServer(api_key=1)),
    ("store", lambda: hitl.HumanInputServer(store=1)),
    ("retain_days", lambda: hitl.HumanInputServer(retain_days="7")),
    ("heartbeat", lambda: hitl.HumanInputServer(heartbeat="10")),
    ("webhook_urls", lambda: hitl.HumanInputServer(webhook_urls=[1])),
    ("limits", lambda: hitl.HumanInputServer(limits=["answer"])),
    ("seconds", lambda: hitl.Client("http://127.0.0.1:9/", seconds="5")),  # type: ignore[arg-type]
    ("token", lambda: hitl.Client("http://127.0.0.1:9/", 5)),  # type: ignore[arg-type]
    ("url", lambda: hitl.AsyncClient(9)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_every_public_function_names_the_argument_that_is_of_the_wrong_kind(
    name: str, call: Callable[[], Any]
) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"(?s)^{name} (is|must be) |\n{name}\b"):
        call()


CLIENT_CALLS: list[tuple[str, Callable[[Client], Any]]] = [
    ("request_id", lambda client: client.request(1)),  # type: ignore[arg-type]
    ("request_id", lambda client: client.cancel(None)),  # type: ignore[arg-type]
    ("human_feedback", lambda client: client.answer("q", 1)),  # type: ignore[arg-type]
    ("options", lambda client: client.answer("q", options=[1])),  # type: ignore[list-item]
    ("values", lambda client: client.answer("q", values=[1])),  # type: ignore[arg-type]
    ("decision", lambda client: client.answer("q", decision=True)),  # type: ignore[arg-type]
    ("search", lambda client: client.requests(search=1)),  # type: ignore[arg-type]
    ("execution_id", lambda client: next(client.events(1))),  # type: ignore[arg-type]
    ("types", lambda client: next(client.events(types=1))),  # type: ignore[arg-type]
    ("replay", lambda client: next(client.events(replay="some"))),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("name", "call"), CLIENT_CALLS)
def test_a_client_names_the_argument_that_is_of_the_wrong_kind(
    name: str, call: Callable[[Client], Any]
) -> None:
    with (
        hitl.Client("http://127.0.0.1:9/", "t", seconds=1) as client,
        pytest.raises(TypeError, match=f"^{name} (is|must be) "),
    ):
        call(client)


def test_a_single_flag_and_a_timedelta_are_accepted() -> None:
    said = annotation_of(
        hitl.annotate(task(), reason_flags="ambiguity", timeout=timedelta(minutes=2))
    )
    assert said.reason_flags == ("ambiguity",)
    assert said.terms.timeout == 120

    flags = {"ambiguity": True, "missing_field": False}
    assert annotation_of(hitl.annotate(task(), reason_flags=flags)).reason_flags == ("ambiguity",)
    assert hitl.AskHumanTool(timeout=timedelta(seconds=5)).timeout == timedelta(seconds=5)


def test_a_gate_takes_the_tool_itself() -> None:
    with hitl.approve_tools(DeleteTool()) as gate, hitl.approve_tools([DeleteTool(), "send_*"]):
        assert gate._guard.tools == ("Delete File",)
        assert GATES._gates[-1]._guard.tools == ("Delete File", "send_*")


@pytest.mark.usefixtures("bridge")
def test_a_single_flag_option_or_type_is_not_split_into_letters(client: Client) -> None:
    with asked(options=["yes", "no"], reason_flags="ambiguity") as answer:
        question = next_question(client)
        of_one_type = client.events(types="human_input_required", replay="pending")
        assert next(of_one_type) == question
        client.answer(question.request_id, options="yes")
        assert answer.result() == "yes"

    assert question.reason_flags == {"clarification": True, "ambiguity": True}
