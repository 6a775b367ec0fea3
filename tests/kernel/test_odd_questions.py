"""Whatever a crew produces can be asked, and what cannot be asked ends the wait with an error."""

import asyncio
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from crewai.events.event_bus import crewai_event_bus
from crewai.flow.flow import Flow, start
from crewai.flow.human_feedback import human_feedback
from msgspec.structs import replace
from pydantic import BaseModel

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadRequest, HitlError
from tests.events import required
from tests.jupyter_process import REPOSITORY, JupyterProcess
from tests.kernel.background import make_crew, told
from tests.kernel.conftest import next_question, questions_since, top_of_the_log

sys.path.insert(0, str(REPOSITORY / "notebooks"))
from scripted_llm import ScriptedLLM

pytestmark = pytest.mark.usefixtures("bridge")

HALF = "half \ud83d emoji"
SHOWN = "half � emoji"


class HalfLLM(ScriptedLLM):
    """A model that produces half an emoji, as models do."""

    def call(self, *args: Any, **kwargs: Any) -> str:
        """Answer so."""
        return f"Thought: I now can give a great answer\nFinal Answer: {HALF}"


class Model(BaseModel):
    """What a step may return, and JSON cannot hold."""

    body: bytes = b"\xff"
    rate: float = math.nan


@contextmanager
def working(work: Callable[[], Any]) -> "Iterator[Future[Any]]":
    """Do it on a thread, as a test cannot wait and answer at once."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(work)
        except BaseException:
            hitl.disable()
            raise


def test_a_draft_with_half_an_emoji_is_asked_and_shown(client: Client) -> None:
    with working(make_crew(llm=HalfLLM(model="half")).kickoff) as result:
        question = next_question(client)
        client.answer(question.request_id)
        result.result()

    assert SHOWN in question.context
    assert question.source.task_name == "note 1"


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": HALF},
        {"context": HALF},
        {"context": {"parts": [HALF], "rate": math.nan, (1, 2): {b"\xff"}}},
        {"context": Model()},
        {"context": [object, Model()]},
        {"options": [HALF, "whole"]},
        {"default": HALF, "timeout": 3600},
        {"reason_flags": ["\ud83d"]},
        {"assignee": HALF},
        {"schema": {"type": "object", "properties": {"x": {"type": "string", "title": HALF}}}},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_a_question_is_asked_whatever_its_parts_are(asked: dict[str, Any], client: Client) -> None:
    answer: dict[str, Any] = {"human_feedback": "tea"}
    if "options" in asked:
        answer = {"options": [SHOWN]}
    if "schema" in asked:
        answer = {"values": {"x": "tea"}}
    with working(lambda: hitl.ask(**{"prompt": "Well?", **asked})) as said:
        client.answer(next_question(client).request_id, **answer)

        assert said.result() in ("tea", HALF, {"x": "tea"})


class Reviewed(Flow[Any]):
    """A step whose output a person reviews."""

    @start()
    @human_feedback(message="Good?")
    def write(self) -> Any:
        """Return what no JSON holds."""
        return {"text": HALF, "of": {Model().body}}


def test_a_steps_output_is_asked_about_whatever_it_is(client: Client) -> None:
    with working(Reviewed().kickoff) as result:
        question = next_question(client)
        client.answer(question.request_id)
        result.result()

    assert SHOWN in question.context


def test_a_run_ends_in_the_log_whatever_its_result_is(client: Client) -> None:
    crew = make_crew(human_input=False)
    crew.tasks[0].callback = lambda output: setattr(output, "raw", HALF)
    run = hitl.start(crew)

    *_, end = told(client, run.execution_id)
    run.result(60)
    assert getattr(end, "result", None) == SHOWN


def test_a_question_that_somebody_emits_is_published_whatever_it_holds(client: Client) -> None:
    mark = top_of_the_log(client)
    event = hitl.HumanInputRequiredEvent(
        prompt="Well?", response={"decisions": ["respond"], "default": {"x": math.nan, "y": {1}}}
    )
    crewai_event_bus.emit(None, event)

    question = next(questions_since(client, mark))
    assert question.response.default == {"x": "nan", "y": [1]}


@pytest.mark.parametrize(
    "question",
    [
        {"prompt": "x" * limits.MAX_EVENT_BYTES},
        {"prompt": "x" * (2 * limits.MAX_BODY_BYTES)},
        {"assignee": "x" * 1000},
    ],
    ids=["too large to keep", "too large to send", "assignee"],
)
@pytest.mark.parametrize("ask", [hitl.ask, lambda **q: asyncio.run(hitl.ask_async(**q))])
def test_what_cannot_be_asked_ends_the_wait_with_the_reason(
    ask: Callable[..., Any], question: dict[str, Any]
) -> None:
    with pytest.raises(hitl.NotAnswered, match="could not be asked") as refused:
        ask(**{"prompt": "Well?", **question})

    assert refused.value.ending == "refused"


def test_a_fault_while_a_question_is_sent_ends_its_wait(server: JupyterProcess) -> None:
    """No question of ours is so; whatever else goes wrong must end like this."""
    bridge = Bridge(Endpoint(server.prefix, server.token), "crew-odd")
    pending = bridge.open(replace(required("odd"), round=object()))
    error = pending.outcome.exception(60)
    bridge.close("source_lost", 10)

    assert isinstance(error, HitlError)
    assert "could not be sent" in error.message


def test_a_person_who_writes_half_a_character_is_told_and_may_write_again(client: Client) -> None:
    with working(lambda: hitl.ask("Well?")) as said:
        question = next_question(client)
        with pytest.raises(BadRequest, match=r"U\+D83D"):
            client.answer(question.request_id, HALF)
        client.answer(question.request_id, "tea")

        assert said.result() == "tea"
