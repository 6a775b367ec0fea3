"""A crew in a real kernel asks, is answered, and goes on."""

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.crews import EVERY_KICKOFF, KICKOFF
from tests.kernel.running_kernel import RunningKernel


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF)
def test_the_crew_continues_with_an_accepted_draft(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    cell = kernel.begin(kickoff)
    question = next_question(client)
    client.answer(question.request_id, decision="approve")

    cell.finish()

    assert cell.error is None
    assert "# A note on tea" in cell.text
    assert "revised" not in cell.text


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF)
def test_each_round_of_feedback_revises_the_draft_until_it_is_accepted(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    cell = kernel.begin(kickoff)
    for round_, feedback in enumerate(["Shorter", "Warmer", ""], start=1):
        question = next_question(client)
        assert question.round == round_
        client.answer(question.request_id, feedback)

    cell.finish()

    assert cell.error is None
    assert "Draft 3" in cell.text
    assert "- Shorter\n- Warmer" in cell.text


def test_the_question_shows_the_draft_the_task_and_who_asks(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(KICKOFF)
    question = next_question(client)
    client.answer(question.request_id)
    cell.finish()

    assert question.kind == "task_feedback"
    assert question.response.decisions == ("approve", "respond", "edit")
    assert question.reason_flags == {"review": True}
    assert question.context.startswith("# A note on tea")
    assert "**Expected output**\n\nA short note" in question.context
    assert question.context.endswith("**Agent**\n\nWriter\n\nGoal: Be brief")
    assert question.source.kernel_id == kernel.kernel_id
    assert (question.source.crew_name, question.source.task_name) == ("Notes", "note")
    assert question.source.agent_role == "Writer"
    assert None not in (question.execution_id, question.crew_id, question.task_id)


def test_the_second_question_shows_the_second_draft(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(KICKOFF)
    client.answer(next_question(client).request_id, "More about green tea")
    second = next_question(client)
    client.answer(second.request_id)
    cell.finish()

    assert "More about green tea" in second.context


def test_train_asks_once_per_iteration_and_learns_from_it(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        "import os, tempfile; os.chdir(tempfile.mkdtemp())\n"
        "make_crew().train(n_iterations=2, filename='trained.pkl')\n"
        "print(os.path.getsize('trained.pkl') > 0)"
    )
    for _ in range(2):
        question = next_question(client)
        assert question.kind == "training_feedback"
        client.answer(question.request_id, "Name the audience")

    cell.finish()

    assert cell.error is None
    assert cell.text.endswith("True\n")


def test_listeners_on_the_event_bus_see_question_and_answer(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(
        "from crewai.events import crewai_event_bus\n"
        "seen = []\n"
        "for kind in (hitl.HumanInputRequiredEvent, hitl.HumanInputCompletedEvent):\n"
        "    @crewai_event_bus.on(kind)\n"
        "    async def see(source, event): seen.append((event.type, event.request_id))"
    )
    cell = kernel.begin(KICKOFF)
    question = next_question(client)
    client.answer(question.request_id)
    cell.finish()

    seen = kernel.run("crewai_event_bus.flush(); print(seen)").text.strip()

    kinds = ("human_input_required", "human_input_completed")
    assert seen == str([(kind, question.request_id) for kind in kinds])


def test_a_question_that_somebody_emits_on_the_bus_is_published(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(
        "from crewai.events import crewai_event_bus\n"
        "event = hitl.HumanInputRequiredEvent(prompt='From elsewhere?', request_id='elsewhere-1')\n"
        "crewai_event_bus.emit(None, event)"
    )
    question = next_question(client)
    client.cancel(question.request_id)

    assert (question.request_id, question.prompt) == ("elsewhere-1", "From elsewhere?")
