"""`hitl.ask()`: a person as a function, in this very process."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal

import pytest
from crewai.flow.flow import Flow, start
from pydantic import BaseModel, Field, model_validator

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question, wait_until_closed

pytestmark = pytest.mark.usefixtures("bridge")


class Booking(BaseModel):
    """A trip."""

    city: str = Field(min_length=2)
    first: date
    last: date
    seats: int = Field(1, ge=1, le=9)
    meals: list[Literal["lunch", "dinner"]] = []

    @model_validator(mode="after")
    def end_after_the_beginning(self) -> "Booking":
        """Refuse what no form can know."""
        if self.last < self.first:
            raise ValueError("the trip ends before it begins")
        return self


TRIP = {"city": "Oslo", "first": "2026-11-22", "last": "2026-11-23", "seats": 2, "meals": ["lunch"]}


@contextmanager
def asked(prompt: str = "Well?", **options: Any) -> "Iterator[Future[Any]]":
    """Ask on a thread, as a test cannot wait and answer at once."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(lambda: hitl.ask(prompt, **options))
        except BaseException:
            hitl.disable()
            raise


def test_a_text_comes_back_as_it_was_written(client: Client) -> None:
    with asked("Which table?", context="The *last* one was `a`.") as answer:
        question = next_question(client)
        client.answer(question.request_id, "  sales\n2026 ")
        assert answer.result() == "  sales\n2026 "

    assert question.kind == "question"
    assert question.response.decisions == ("respond",)
    assert question.reason_flags == {"clarification": True}
    assert "`a`" in question.context


def test_a_chosen_option_is_returned_as_the_callers_object(client: Client) -> None:
    options = [date(2026, 1, 1), date(2026, 1, 2)]
    with asked(options=options) as answer:
        question = next_question(client)
        with pytest.raises(InvalidAnswer):
            client.answer(question.request_id, options=("2027-01-01",))
        client.answer(question.request_id, options=("2026-01-02",))
        assert answer.result() is options[1]


def test_several_options_come_back_as_a_list(client: Client) -> None:
    with asked(options=["a", "b", "c"], multiple=True) as answer:
        client.answer(next_question(client).request_id, options=("a", "c"))
        assert answer.result() == ["a", "c"]


def test_a_form_comes_back_as_an_instance_and_the_server_names_wrong_fields(
    client: Client,
) -> None:
    with asked("Where to?", schema=Booking) as answer:
        question = next_question(client)
        with pytest.raises(InvalidAnswer) as wrong:
            client.answer(question.request_id, values={**TRIP, "seats": 0})
        assert [error.field for error in wrong.value.errors] == ["values.seats"]
        client.answer(question.request_id, values=TRIP)
        assert answer.result() == Booking.model_validate(TRIP)


def test_values_that_the_model_refuses_are_asked_again_with_nothing_lost(client: Client) -> None:
    with asked("Where to?", schema=Booking) as answer:
        first = next_question(client)
        client.answer(first.request_id, values={**TRIP, "last": "2026-11-01"})
        second = next_question(client)
        client.answer(second.request_id, values=TRIP)
        assert answer.result().last == date(2026, 11, 23)

    assert (first.round, second.round) == (1, 2)
    assert "the trip ends before it begins" in second.context
    assert second.response.schema is not None
    shown = {n: p.get("default") for n, p in second.response.schema["properties"].items()}
    assert shown == {**TRIP, "last": "2026-11-01"}
    assert "2026-11-01" in second.history[0].feedback


def test_a_json_schema_gives_a_dict(client: Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with asked(schema=schema) as answer:
        client.answer(next_question(client).request_id, values={"n": 3})
        assert answer.result() == {"n": 3}


@pytest.mark.parametrize(
    ("options", "default", "expected"),
    [
        ({}, "sales", "sales"),
        ({"options": ["a", "b"]}, "b", "b"),
        ({"options": ["a", "b"], "multiple": True}, ["a", "b"], ["a", "b"]),
        ({"schema": Booking}, TRIP, Booking.model_validate(TRIP)),
        ({"schema": Booking}, Booking.model_validate(TRIP), Booking.model_validate(TRIP)),
    ],
)
def test_the_default_answers_at_the_deadline(
    options: dict[str, Any], default: Any, expected: Any
) -> None:
    assert hitl.ask("Well?", **options, default=default, timeout=0.2) == expected


def test_a_default_fills_the_form_until_then(client: Client) -> None:
    with asked(schema=Booking, default=Booking.model_validate(TRIP)) as answer:
        question = next_question(client)
        client.answer(question.request_id, values=TRIP)
        answer.result()

    assert question.response.schema is not None
    assert question.response.schema["properties"]["city"]["default"] == "Oslo"


def test_without_a_default_the_deadline_is_no_answer() -> None:
    with pytest.raises(hitl.NotAnswered) as ended:
        hitl.ask("Well?", timeout=0.2)

    assert ended.value.ending == "expired"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"options": []}, "there must be 1 to"),
        ({"options": ["a", "a"]}, "the same text"),
        ({"options": [" "]}, "an option must have 1 to"),
        ({"options": ["a"], "schema": Booking}, "not both"),
        ({"multiple": True}, "needs options"),
        ({"default": " "}, "not blank"),
        ({"options": ["a"], "default": "b"}, "one of the options"),
        ({"schema": Booking, "default": {"city": "Oslo"}}, "default does not fit the form"),
        ({"timeout": -1}, "timeout"),
        ({"on_expiry": "default"}, "explicit default"),
        ({"prompt": " "}, "blank"),
    ],
)
def test_a_question_that_cannot_be_asked_is_an_error_at_once(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        hitl.ask(**{"prompt": "Well?", **wrong})


def test_reason_flags_assignee_and_reminder_travel_with_the_question(client: Client) -> None:
    flags = ["missing_field"]
    with asked(reason_flags=flags, assignee="ada", timeout=60, remind_after=30) as answer:
        question = next_question(client)
        client.answer(question.request_id, "x")
        answer.result()

    assert question.reason_flags == {"clarification": True, "missing_field": True}
    assert question.assignee == "ada"
    assert question.remind_at is not None
    assert question.expires_at is not None
    assert (question.expires_at - question.timestamp).total_seconds() == 60


@pytest.mark.asyncio
async def test_a_coroutine_asks_without_blocking_its_loop(client: Client) -> None:
    answers = asyncio.gather(*(hitl.ask_async(f"{n}?", options=["yes"]) for n in range(2)))
    for _ in range(2):
        question = await asyncio.to_thread(next_question, client)
        await asyncio.to_thread(client.answer, question.request_id, options=("yes",))

    assert await answers == ["yes", "yes"]


@pytest.mark.asyncio
async def test_a_cancelled_coroutine_withdraws_its_question(client: Client) -> None:
    asking = asyncio.ensure_future(hitl.ask_async("Well?"))
    question = await asyncio.to_thread(next_question, client)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    request = await asyncio.to_thread(wait_until_closed, client, question.request_id)
    assert request.status == "cancelled"


def test_in_a_flow_the_question_says_where_it_comes_from(client: Client) -> None:
    class Trip(Flow[Any]):
        @start()
        def where(self) -> str:
            """Ask in the middle of a flow."""
            return str(hitl.ask("Where to?"))

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(lambda: Trip().kickoff())
        question = next_question(client)
        client.answer(question.request_id, "Oslo")
        assert result.result() == "Oslo"

    assert question.source.flow_name == "Trip"
    assert question.source.task_name == "where"
    assert question.execution_id is not None


def test_asking_turns_the_bridge_on(
    client: Client, server: JupyterProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hitl.disable()
    monkeypatch.setenv("CREWAI_HITL_URL", server.prefix)
    monkeypatch.setenv("CREWAI_HITL_TOKEN", server.token)
    with asked() as answer:
        client.answer(next_question(client).request_id, "x")
        assert answer.result() == "x"
