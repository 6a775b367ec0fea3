"""A flow that learns: crewAI distils what people say, and applies it to the next draft."""

import json
from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.flows import ENABLE_FLOWS
from tests.kernel.paused_flows import ENABLE_DURABLE
from tests.kernel.running_kernel import RunningKernel
from tests.kernel.stub_model import StubModel, says, stub_model

IMPROVED = "It costs nothing, dear reader"
WITH_MEMORY = """\
import os, tempfile
from crewai import LLM
from crewai.flow.flow import or_
from crewai.memory.unified_memory import Memory

os.environ["OPENAI_API_KEY"] = "x"  # crewAI stores no keys with a paused flow

class Learning(Flow):
    memory = Memory(
        llm=LLM(model="openai/stub", base_url={memory!r}),
        embedder=lambda texts: [[1.0, 0.0] for text in texts],  # all that is said is alike
        storage=tempfile.mkdtemp(),
    )

    @start()
    @human_feedback(
        message="Send?",
        emit=["send", "drop"],
        llm=LLM(model="openai/stub", base_url={step!r}),
        learn=True,
    )
    def write(self):
        return "Dear reader"

    @listen(or_("send", "drop"))
    def end(self, review):
        return f"{{review.outcome}}: {{review.output}}"
"""


@pytest.fixture
def step() -> Iterator[StubModel]:
    """The step's model: it distils a lesson, and then applies it."""
    lesson, improved = {"lessons": ["Name the cost first."]}, {"improved_output": IMPROVED}
    with stub_model(says(json.dumps(lesson)), says(json.dumps(improved))) as model:
        yield model


@pytest.fixture
def with_memory(step: StubModel) -> Iterator[str]:
    """The code of a flow with that model, and a memory with one that puts all in one place."""
    with stub_model(says('{"suggested_scope": "/", "categories": [], "importance": 1}')) as model:
        yield WITH_MEMORY.format(step=step.url, memory=model.url)


@pytest.fixture
def kernel(shared_kernel: RunningKernel) -> Iterator[RunningKernel]:
    """The shared kernel, without what these flows leave in it."""
    yield shared_kernel
    shared_kernel.run("del os.environ['OPENAI_API_KEY']; hitl.disable()")


def test_a_comment_is_learned_from_and_a_bare_choice_is_not(
    kernel: RunningKernel, client: Client, step: StubModel, with_memory: str
) -> None:
    kernel.run(ENABLE_FLOWS + with_memory)
    first = kernel.begin("print(Learning().kickoff())")
    client.answer(next_question(client).request_id, "Cost first", options=["drop"])
    assert "drop: Dear reader" in first.finish().text
    (distilling,) = step.requests
    assert "Cost first" in distilling["messages"][-1]["content"]

    second = kernel.begin("print(Learning().kickoff())")
    question = next_question(client)
    assert question.context == IMPROVED
    client.answer(question.request_id, options=["send"])
    assert f"send: {IMPROVED}" in second.finish().text
    assert len(step.requests) == 2


def test_a_comment_that_resumes_a_paused_flow_is_learned_from_as_well(
    kernel: RunningKernel, client: Client, step: StubModel, with_memory: str
) -> None:
    kernel.run(ENABLE_DURABLE + with_memory)
    kernel.run("paused(Learning())")
    client.answer(next_question(client).request_id, "Cost first", options=["drop"])
    resumed = kernel.run("told(hitl.resume_pending(Learning))").text
    kernel.run("forget_all()")

    assert "drop: Dear reader" in resumed
    assert "Cost first" in step.requests[0]["messages"][-1]["content"]
