"""`hitl.annotate()`: annotations of a task appear in its questions, and in its copies'."""

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import RunningKernel

ANNOTATED = """\
import os, tempfile
os.chdir(tempfile.mkdtemp())  # training writes files
crew = make_crew("A note on {drink}")
_ = hitl.annotate(
    crew.tasks[0], prompt="Fit to print?", reason_flags=["ambiguity"], assignee="ada", timeout=600
)
"""


@pytest.mark.parametrize(
    ("run", "reason", "answers"),
    [
        ("crew.kickoff({'drink': 'tea'})", "review", [""]),
        ("crew.kickoff_for_each([{'drink': 'tea'}, {'drink': 'milk'}])", "review", ["", ""]),
        ("await crew.kickoff_for_each_async([{'drink': 'tea'}])", "review", [""]),
        ("crew.train(1, 'trained.pkl', {'drink': 'tea'})", "training", ["Name the audience"]),
    ],
    ids=["kickoff", "for_each", "for_each_async", "train"],
)
def test_an_annotation_appears_in_every_question_of_the_task(
    kernel: RunningKernel, client: Client, run: str, reason: str, answers: list[str]
) -> None:
    cell = kernel.begin(f"{ANNOTATED}\n_ = {run}")
    for answer in answers:
        question = next_question(client)
        client.answer(question.request_id, answer)

        assert question.prompt == "Fit to print?"
        assert question.reason_flags == {reason: True, "ambiguity": True}
        assert question.assignee == "ada"
        assert question.expires_at is not None
    assert cell.finish().error is None


def test_the_acceptable_answers_may_be_others(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(
        "crew = make_crew()\n"
        "_ = hitl.annotate(crew.tasks[0], response={'options': ['Shorter', 'Longer']})\n"
        "print(crew.kickoff())"
    )
    question = next_question(client)
    client.answer(question.request_id, options=("Shorter",))
    client.answer(next_question(client).request_id)

    assert question.response.options == ("Shorter", "Longer")
    assert "- Shorter" in cell.finish().text


def test_another_task_of_the_same_text_is_asked_about_as_usual(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        "first = make_crew()\n"
        "_ = hitl.annotate(first.tasks[0], prompt='Fit to print?')\n"
        "second = make_crew()\n"
        "assert first.tasks[0].key == second.tasks[0].key\n"
        "print(second.kickoff())"
    )
    question = next_question(client)
    client.answer(question.request_id)

    assert question.prompt != "Fit to print?"
    assert cell.finish().error is None
