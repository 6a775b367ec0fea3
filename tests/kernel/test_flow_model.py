"""A language model is asked for what people wrote, and never for what they chose."""

from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.paused_flows import ENABLE_DURABLE
from tests.kernel.running_kernel import RunningKernel
from tests.kernel.stub_model import StubModel, says, stub_model

WITH_MODEL = """\
from crewai import LLM

class Spoken(Flow):
    @start()
    @human_feedback(
        message="Send?",
        emit=["send", "drop"],
        llm=LLM(model="openai/stub", base_url={url!r}, api_key="x"),
    )
    def write(self):
        return "Dear reader"

    @listen("send")
    def send_it(self, review):
        return f"sent after {{review.feedback!r}}"

    @listen("drop")
    def drop_it(self, review):
        return f"dropped after {{review.feedback!r}}"
"""


@pytest.fixture
def model() -> Iterator[StubModel]:
    """A model that takes everything for the first outcome."""
    with stub_model(says('{"outcome": "send"}')) as model:
        yield model


@pytest.fixture
def kernel(
    shared_kernel: RunningKernel, client: Client, model: StubModel
) -> Iterator[RunningKernel]:
    """The shared kernel, with a flow that has this model."""
    shared_kernel.run(ENABLE_DURABLE + WITH_MODEL.format(url=model.url))
    yield shared_kernel
    shared_kernel.run("forget_all(); hitl.disable()")


def test_a_chosen_outcome_calls_no_model_now_or_when_resumed(
    kernel: RunningKernel, client: Client, model: StubModel
) -> None:
    kernel.run("paused(Spoken())")
    client.answer(next_question(client).request_id, "Send it, no, wait", options=["drop"])
    resumed = kernel.run("told(hitl.resume_pending(Spoken))").text
    kernel.run("hitl.enable(durable_flows=[Letter])")
    cell = kernel.begin("print(Spoken().kickoff())")
    client.answer(next_question(client).request_id, options=["drop"])

    assert "dropped after 'Send it, no, wait'" in resumed
    assert "dropped after ''" in cell.finish().text
    assert model.requests == []


def test_a_text_by_hand_is_read_by_the_model_that_crewai_rebuilds(
    kernel: RunningKernel, client: Client, model: StubModel
) -> None:
    kernel.run("pending = paused(Spoken())")
    question = next_question(client)
    by_hand = kernel.run(
        "os.environ['OPENAI_API_KEY'] = 'x'  # crewAI stores no keys\n"
        "flow = Spoken.from_pending(pending.context.flow_id)\n"
        "print(await flow.resume_async('Off with it'))\n"
        "del os.environ['OPENAI_API_KEY']"
    )

    assert "sent after 'Off with it'" in by_hand.text
    assert len(model.requests) == 1
    assert wait_until_closed(client, question.request_id).status == "cancelled"
