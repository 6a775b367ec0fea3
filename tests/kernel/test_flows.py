"""What flows ask reaches people, and what they say reaches the flow, in a real kernel."""

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from tests.kernel.conftest import next_question
from tests.kernel.flows import ENABLE_FLOWS, KICKOFFS, kicked_off
from tests.kernel.running_kernel import RunningKernel


@pytest.fixture
def kernel(kernel: RunningKernel) -> RunningKernel:
    """The shared kernel, which knows the flows."""
    kernel.run(ENABLE_FLOWS)
    return kernel


@pytest.mark.parametrize("how", KICKOFFS)
def test_feedback_reaches_the_next_step_unchanged(
    kernel: RunningKernel, client: Client, how: str
) -> None:
    cell = kernel.begin(kicked_off(how, "Review()"))
    question = next_question(client)
    client.answer(question.request_id, "Shorter")

    assert "sent with 'Shorter'" in cell.finish().text
    assert question.kind == "flow_feedback"
    assert question.prompt == "Is this letter good?"
    assert question.context == "# Dear reader"
    assert question.response.decisions == ("approve", "respond")
    assert question.response.options is None
    assert (question.source.flow_name, question.source.task_name) == ("Letters", "write")
    assert len(cell.cards()) == 1


def test_an_approval_is_blank_feedback(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Review()"))
    client.answer(next_question(client).request_id, decision="approve")

    assert "sent with ''" in cell.finish().text


@pytest.mark.parametrize("how", KICKOFFS)
def test_an_outcome_is_chosen_without_a_language_model(
    kernel: RunningKernel, client: Client, how: str
) -> None:
    """Not even one that cannot be made: crewAI would make it before it asks."""
    cell = kernel.begin(kicked_off(how, "Choice()"))
    question = next_question(client)
    client.answer(question.request_id, "Name the tea", options=["revise"])

    assert "('revised', 'Name the tea', {'title': 'Tea'})" in cell.finish().text
    assert question.response.options == ("publish", "revise")
    assert question.response.decisions == ("respond",)


def test_an_outcome_by_its_name_alone_is_a_choice_without_a_comment(
    kernel: RunningKernel, client: Client
) -> None:
    """As clients of the documents say it, who know no options."""
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Choice()"))
    client.answer(next_question(client).request_id, "revise")

    assert "('revised', '', {'title': 'Tea'})" in cell.finish().text


def test_without_a_default_outcome_nobody_can_skip(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Choice()"))
    request_id = next_question(client).request_id
    for decision in (None, "approve"):
        with pytest.raises(InvalidAnswer):
            client.answer(request_id, "", decision=decision)
    client.cancel(request_id)

    assert cell.finish().error is not None
    assert kernel.run("print(reached)").text == "[]\n"


def test_skipping_takes_the_default_outcome(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(kicked_off(KICKOFFS[1], "Skippable()"))
    question = next_question(client)
    client.answer(question.request_id, decision="approve")

    assert "('revised', '', 'revise')" in cell.finish().text
    assert set(question.response.decisions) == {"respond", "approve"}
    assert "revise" in question.context


def test_a_cancelled_question_fails_the_flow_and_takes_no_outcome(
    kernel: RunningKernel, client: Client
) -> None:
    for flow in ("Review()", "Choice()", "Skippable()", "Asks()", "AsksOnItsLoop()"):
        cell = kernel.begin(kicked_off(KICKOFFS[0], flow))
        client.cancel(next_question(client).request_id)
        cell.finish()

        assert cell.error is not None, flow
        assert cell.error[0] == "NotAnswered"
        assert kernel.run("print(reached)").text == "[]\n"


def test_an_expired_question_fails_the_flow_even_with_a_default_outcome(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run("hitl.enable(timeout=0.3)")
    for flow in ("Skippable()", "Asks()"):
        cell = kernel.begin(kicked_off(KICKOFFS[0], flow)).finish()

        assert cell.error is not None, flow
        assert cell.error[0] == "NotAnswered"
        assert kernel.run("print(reached)").text == "[]\n"
    kernel.run("hitl.disable()")


def test_only_an_explicit_policy_answers_at_the_deadline(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run("hitl.enable(timeout=0.3, on_expiry='default', default={'decision': 'approve'})")
    skipped = kernel.begin(kicked_off(KICKOFFS[0], "Skippable()")).finish()
    unfit = kernel.begin(kicked_off(KICKOFFS[0], "Choice()")).finish()
    kernel.run("hitl.disable()")

    assert "('revised', '', 'revise')" in skipped.text
    assert unfit.error is not None
    assert unfit.error[0] == "NotAnswered"


def test_crewais_own_events_tell_the_question_and_its_answer(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(
        "from crewai.events.event_bus import crewai_event_bus\n"
        "from crewai.events.types.flow_events import (\n"
        "    HumanFeedbackReceivedEvent, HumanFeedbackRequestedEvent)\n"
        "heard = []\n"
        "@crewai_event_bus.on(HumanFeedbackRequestedEvent)\n"
        "async def requested(source, event):\n"
        "    heard.append((event.method_name, event.emit, event.request_id))\n"
        "@crewai_event_bus.on(HumanFeedbackReceivedEvent)\n"
        "async def received(source, event):\n"
        "    heard.append((event.feedback, event.outcome, event.request_id))"
    )
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Choice()"))
    request_id = next_question(client).request_id
    client.answer(request_id, "Now", options=["publish"])
    cell.finish()

    heard = kernel.run("crewai_event_bus.flush(); print(heard)").text
    expected = [
        ("write", ["publish", "revise"], request_id),
        ("Now", "publish", request_id),
    ]
    assert heard == f"{expected}\n"


def test_metadata_says_who_should_answer_why_and_until_when(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        kicked_off(
            KICKOFFS[0],
            "Asks(metadata={'assignee': 'ada', 'reason_flags': ['ambiguity'], 'timeout': 60,"
            " 'options': ['tea', 'coffee'], 'channel': 'mine'})",
        )
    )
    question = next_question(client)
    client.answer(question.request_id, options=["tea"])

    assert "said 'tea'" in cell.finish().text
    assert question.assignee == "ada"
    assert question.reason_flags == {"clarification": True, "ambiguity": True}
    assert question.response.options == ("tea", "coffee")
    assert question.expires_at is not None


def test_an_invalid_setting_in_metadata_fails_the_flow_and_is_named(kernel: RunningKernel) -> None:
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Asks(metadata={'options': 'tea'})")).finish()

    assert cell.error is not None
    assert cell.error[0] == "ValueError"
    assert "metadata['options']" in cell.error[1]


def test_a_crew_inside_a_flow_belongs_to_the_same_run(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(
        "class WithCrew(Flow):\n"
        "    @start()\n"
        "    @human_feedback(message='Good?')\n"
        "    def write(self):\n"
        "        return make_crew().kickoff()"
    )
    cell = kernel.begin("result = WithCrew().kickoff(); print(result.output)")
    inside = next_question(client)
    client.answer(inside.request_id)
    around = next_question(client)
    client.answer(around.request_id)

    assert "# A note on tea" in cell.finish().text
    assert inside.kind == "task_feedback"
    assert around.kind == "flow_feedback"
    assert around.context.startswith("# A note on tea")
    assert around.execution_id == inside.execution_id
    assert len(cell.cards()) == 2


def test_a_flow_with_a_kickoff_of_its_own_works_as_before(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(
        "class Twice(Flow):\n"
        "    @start()\n"
        "    @human_feedback(message='Good?')\n"
        "    def write(self):\n"
        "        return 'x'\n"
        "    def kickoff(self, *args, **kwargs):\n"
        "        first = super().kickoff(*args, **kwargs)\n"
        "        second = super().kickoff(*args, **kwargs)\n"
        "        return first.feedback, second.feedback"
    )
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Twice()"))
    for text in ("One", "Two"):
        client.answer(next_question(client).request_id, text)

    assert "('One', 'Two')" in cell.finish().text


def test_a_provider_of_the_users_own_is_kept(kernel: RunningKernel, client: Client) -> None:
    kernel.run(
        "from crewai.flow.flow_config import flow_config\n"
        "class Own:\n"
        "    def request_feedback(self, context, flow): return 'mine'\n"
        "    def request_input(self, message, flow, metadata=None): return 'mine'\n"
        "hitl.disable()\n"
        "flow_config.hitl_provider = flow_config.input_provider = Own()\n"
        "hitl.enable()"
    )
    try:
        feedback = kernel.run(kicked_off(KICKOFFS[0], "Review()")).text
        said = kernel.run(kicked_off(KICKOFFS[0], "Asks()")).text
    finally:
        kernel.run("flow_config.hitl_provider = flow_config.input_provider = None")

    assert "sent with 'mine'" in feedback
    assert "said 'mine'" in said
    assert client.pending() == []


def test_disabling_puts_crewais_own_back_into_flows(kernel: RunningKernel) -> None:
    put_back = kernel.run(
        "from crewai.flow.flow_config import flow_config\n"
        "from crewai.flow.runtime import Flow as Engine\n"
        "names = ['kickoff', 'kickoff_async', 'akickoff', 'resume', 'resume_async', 'ask',\n"
        "         '_run_human_feedback_step', '_finalize_human_feedback',\n"
        "         '_store_feedback_lessons']\n"
        "enabled = [getattr(Engine, name) for name in names]\n"
        "hitl.disable()\n"
        "print([name for name, ours in zip(names, enabled) if getattr(Engine, name) is ours])\n"
        "print({getattr(Engine, name).__code__.co_filename.split('crewai')[0] == "
        "Engine.kickoff.__code__.co_filename.split('crewai')[0] for name in names})\n"
        "print(flow_config.hitl_provider, flow_config.input_provider)"
    )

    assert put_back.text.splitlines() == ["[]", "{True}", "None None"]
