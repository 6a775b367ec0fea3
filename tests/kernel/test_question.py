"""What a question shows, and which answers crewAI takes for what."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from crewai.core.providers.human_input import ExecutorContext
from crewai.hooks import HookAborted
from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.context import cut
from crewai_hitl_nb.kernel.questions.question import (
    Asking,
    Waiter,
    new_question,
    task_question,
)
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.kernel.tasks.human_input import ACCEPT, feedback_of
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired, Response
from crewai_hitl_nb.protocol.wire import encode_event
from tests.events import completed


class Report(BaseModel):
    title: str


def question(draft: str | BaseModel, **task: Any) -> HumanInputRequired:
    context = SimpleNamespace(
        crew=None,
        task=SimpleNamespace(**{"name": None, "description": "", "expected_output": "", **task}),
        agent=SimpleNamespace(role="Writer", id="agent-1"),
        _is_training_mode=lambda: False,
    )
    return task_question(draft, cast(ExecutorContext, context), Waiter("crew-1"), Terms())


def test_a_persons_approval_accepts() -> None:
    assert feedback_of(completed("r")) == ACCEPT


def test_text_revises() -> None:
    assert feedback_of(completed("r", "Shorter")) == "Shorter"


@pytest.mark.parametrize(
    ("decision", "text"),
    [("reject", ""), ("reject", "No"), ("edit", "Mine"), (None, ""), ("respond", " "), ("?", "")],
)
def test_nothing_else_accepts_or_revises(decision: str | None, text: str) -> None:
    answer = msgspec.structs.replace(completed("r", text), decision=cast(Any, decision))

    with pytest.raises(HookAborted):
        feedback_of(answer)


def test_a_draft_as_long_as_a_book_is_cut_and_says_so() -> None:
    asked = question("x" * 500_000, description="d" * 100_000, expected_output="e" * 100_000)

    assert len(asked.context) <= limits.MAX_CONTEXT_CHARS
    assert asked.context.count("(cut here: ") == 3
    assert "500,000 characters in all" in asked.context
    assert len(encode_event(asked)) < limits.MAX_EVENT_BYTES


def test_tables_that_do_not_fit_into_the_question_are_left_out_with_a_word_about_it() -> None:
    def asked(draft_chars: int) -> HumanInputRequired:
        return new_question(
            Waiter("crew-1"),
            Asking(),
            "question",
            prompt="Good?",
            context="| a |",
            response=Response(),
            terms=Terms(),
            draft="x" * draft_chars,
            attachments={"table-1": {"text/plain": "y" * 500_000}},
        )

    assert asked(1_000).attachments != {}
    assert asked(1_000).context == "| a |"
    large = asked(limits.MAX_EVENT_BYTES - 400_000)
    assert large.attachments == {}
    assert large.context.startswith("| a |")
    assert "left out" in large.context


def test_a_typed_draft_is_shown_as_json() -> None:
    asked = question(Report(title="Tea"))

    assert asked.context.startswith('```json\n{\n  "title": "Tea"\n}\n```\n\n---')
    assert (asked.draft, "edit" in asked.response.decisions) == (None, False)


def test_a_text_may_be_edited_whole_and_no_part_of_it() -> None:
    short, long = question("tea"), question("x" * (limits.MAX_CONTEXT_CHARS + 1))

    assert (short.draft, short.response.decisions) == ("tea", ("approve", "respond", "edit"))
    assert (long.draft, long.response.decisions) == (None, ("approve", "respond"))


def test_a_task_without_a_name_is_called_by_its_first_line() -> None:
    asked = question("draft", description="  Write about tea.\nIn detail.")

    assert asked.source.task_name == "Write about tea."


def test_outside_of_a_crew_the_ids_are_left_out() -> None:
    asked = question("draft")

    assert (asked.crew_id, asked.execution_id, asked.source.crew_name) == (None, None, None)
    assert asked.agent_id == "agent-1"


def test_a_short_text_is_not_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert len(cut("a" * 1000, 100)) == 100
