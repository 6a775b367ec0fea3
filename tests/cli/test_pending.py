"""`crewai-hitl pending`: who waits for what."""

from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from tests.cli.command import Commands, terminal
from tests.cli.conftest import Asks

NAMES = {"crew_name": "Notes", "task_name": "Draft", "agent_role": "Writer"}


def test_in_a_pipe_ids_are_whole_and_a_tab_stands_between_the_columns(
    cli: Commands, ask: Asks
) -> None:
    question = ask(prompt="Is this\ngood?", source=NAMES, assignee="ada", execution_id="run-tabs")
    (line,) = cli("pending", "--execution", "run-tabs").stdout.splitlines()
    shown, who, prompt, age, assignee = line.split("\t")
    assert (shown, who, prompt, assignee) == (
        question,
        "Notes / Draft / Writer",
        "Is this good?",
        "ada",
    )
    assert age


def test_json_lines_are_the_requests_as_the_server_lists_them(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask(execution_id="run-json", context="# Draft")
    (line,) = cli.lines("pending", "--execution", "run-json")
    assert line["type"] == "human_input_required"
    assert (line["request_id"], line["status"], line["context"]) == (question, "pending", "# Draft")
    assert line["offset"] == client.request(question).offset


@pytest.mark.parametrize(
    ("option", "value", "fields"),
    [
        ("--execution", "run-filter", {"execution_id": "run-filter"}),
        ("--crew", "crew-filter", {"crew_id": "crew-filter"}),
        ("--kind", "tool_approval", {"kind": "tool_approval"}),
    ],
)
def test_a_filter_lets_only_its_own_through(
    cli: Commands, ask: Asks, option: str, value: str, fields: dict[str, Any]
) -> None:
    ask()
    question = ask(**fields)
    assert [line["request_id"] for line in cli.lines("pending", option, value)] == [question]


def test_answered_questions_are_gone(cli: Commands, ask: Asks, client: Client) -> None:
    client.answer(ask(execution_id="run-gone"), "Done")
    result = cli("pending", "--execution", "run-gone")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No question is waiting" in result.stderr


def test_on_a_terminal_ids_are_cut_to_what_answer_takes(
    cli: Commands, env: dict[str, str], ask: Asks, client: Client
) -> None:
    question = ask("0193f3a1-aaaa-7000-8000-000000000000", execution_id="run-cut", source=NAMES)
    with terminal("pending", "--execution", "run-cut", env=env) as screen:
        screen.expect("WHO ASKS")
        screen.expect("0193f3a1-aaaa ")
        screen.expect("Notes / Draft / Writer")
        screen.wait()
    assert cli("answer", "0193f3a1-aaaa", "Fine").exit_code == 0
    assert client.request(question).status == "answered"
