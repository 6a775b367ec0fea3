"""`crewai-hitl answer` and `cancel`: who is answered, with what, and never by accident."""

import json
import subprocess
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from tests.cli.command import PROGRAM, Commands
from tests.cli.conftest import Asks

APPROVAL = {"response": {"decisions": ["approve", "reject"]}}
TABLES = {
    "response": {"decisions": ["respond"], "options": ["orders", "customers"], "multiple": True}
}
FORM = {
    "response": {
        "decisions": ["respond"],
        "schema": {"type": "object", "properties": {"rows": {"type": "integer"}}},
    }
}


def completion(client: Client, request_id: str) -> HumanInputCompleted:
    completed = client.request(request_id).completion
    assert isinstance(completed, HumanInputCompleted)
    return completed


def test_text_answers_in_words_and_says_that_it_came_from_the_command_line(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask()
    result = cli("answer", question, "Shorter, please")
    assert (result.exit_code, result.stdout) == (0, f"answered {question}: respond\n")
    completed = completion(client, question)
    assert (completed.decision, completed.human_feedback) == ("respond", "Shorter, please")
    assert completed.answered_by is not None
    assert completed.answered_by.via == "cli"


@pytest.mark.parametrize(
    "words",
    [
        ["- shorter\n- no adverbs"],
        ["-5"],
        ["--no, shorter"],
        ["--", "--approve"],
        ["- shorter", "--json"],
        ["--json", "- shorter"],
    ],
)
def test_a_text_may_begin_with_a_dash(
    cli: Commands, ask: Asks, client: Client, words: list[str]
) -> None:
    question = ask()
    result = cli("answer", question, *words)
    assert result.exit_code == 0, result.stderr
    completed = completion(client, question)
    said = next(word for word in words if word not in ("--json", "--"))
    assert (completed.decision, completed.human_feedback) == ("respond", said)


def test_an_option_may_begin_with_a_dash_and_a_misspelt_option_is_an_error(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask(response={"decisions": ["respond"], "options": ["- a", "b"]})
    result = cli("answer", question, "--optoin", "b")
    assert result.exit_code == 2
    assert "after `--`" in result.stderr
    assert cli("answer", question, "--option", "- a").exit_code == 0
    assert completion(client, question).options == ("- a",)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_is_taken_by_its_name_and_the_text_beside_it_is_kept(
    cli: Commands, ask: Asks, client: Client, decision: str
) -> None:
    question = ask(**APPROVAL)
    assert cli("answer", question, f"--{decision}", "For the record").exit_code == 0
    completed = completion(client, question)
    assert (completed.decision, completed.human_feedback) == (decision, "For the record")


def test_several_options_are_chosen_by_repeating_the_flag(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask(**TABLES)
    assert cli("answer", question, "--option", "orders", "--option", "customers").exit_code == 0
    assert completion(client, question).options == ("orders", "customers")


def test_a_form_is_filled_by_a_json_object(cli: Commands, ask: Asks, client: Client) -> None:
    question = ask(**FORM)
    assert cli("answer", question, "--values", '{"rows": 100}').exit_code == 0
    assert completion(client, question).values == {"rows": 100}


FILES = {
    "response": {
        "decisions": ["respond"],
        "schema": {
            "type": "object",
            "properties": {
                "receipt": {"type": "object", "format": "file", "accept": [".csv"]},
                "scans": {"type": "array", "items": {"type": "object", "format": "file"}},
                "rows": {"type": "integer"},
            },
        },
    }
}


def test_files_are_uploaded_as_values_of_a_form(
    cli: Commands, ask: Asks, client: Client, tmp_path: Path
) -> None:
    question = ask(**FILES)
    for name in ("sales.csv", "1.png", "2.png"):
        (tmp_path / name).write_text(f"content of {name}")
    files = ("receipt=sales.csv", "scans=1.png", "scans=2.png")
    options = [word for file in files for word in ("--file", file.replace("=", f"={tmp_path}/"))]
    result = cli("answer", question, "--values", '{"rows": 3}', *options)
    assert result.exit_code == 0, result.output
    values = completion(client, question).values
    assert values is not None
    assert values["rows"] == 3
    assert values["receipt"]["media_type"] == "text/csv"
    assert [file["name"] for file in values["scans"]] == ["1.png", "2.png"]
    content = client.download(question, values["scans"][1]["sha256"])
    assert content == b"content of 2.png"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--file", "receipt"], "FIELD=PATH"),
        (["--file", "receipt=nowhere.csv"], "there is no file nowhere.csv"),
        (["--approve", "--file", f"receipt={__file__}"], "--approve takes no --file"),
    ],
)
def test_a_file_that_cannot_be_sent_is_a_usage_error(
    cli: Commands, ask: Asks, options: list[str], said: str
) -> None:
    result = cli("answer", ask(**FILES), *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_dash_reads_the_text_from_stdin(cli: Commands, ask: Asks, client: Client) -> None:
    question = ask()
    assert cli("answer", question, "-", stdin="# Review\n\nÜber-long.\n").exit_code == 0
    assert completion(client, question).human_feedback == "# Review\n\nÜber-long."


def test_the_event_is_the_json_line(cli: Commands, ask: Asks, client: Client) -> None:
    question = ask()
    (line,) = cli.lines("answer", question, "--approve")
    assert line["type"] == "human_input_completed"
    assert line["offset"] == completion(client, question).offset


# ---- nothing is approved by accident


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        ((), None),
        (("",), None),
        (("  \n",), None),
        (("-",), ""),
        (("-",), " \n"),
        (("-",), b"\xff\xfe"),
        (("--edit",), None),
        (("--approve", "--reject"), None),
        (("--approve", "--option", "orders"), None),
        (("--values", "[1]"), None),
        (("--values", "{"), None),
    ],
    ids=str,
)
def test_an_unclear_answer_is_a_usage_error_and_the_question_stays_open(
    cli: Commands, ask: Asks, client: Client, args: tuple[str, ...], stdin: str | bytes | None
) -> None:
    question = ask()
    result = cli("answer", question, *args, stdin=stdin)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert client.request(question).status == "pending"


def test_an_answer_that_does_not_fit_fails_naming_the_field_and_the_question_stays_open(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask(**FORM)
    result = cli("answer", question, "--values", '{"rows": "many"}')
    assert result.exit_code == 1
    assert "values.rows" in result.stderr
    assert client.request(question).status == "pending"


# ---- which request


def test_the_beginning_of_an_id_names_the_request(cli: Commands, ask: Asks, client: Client) -> None:
    question = ask("beginning-of-one")
    assert cli("answer", "beginning-of", "--approve").exit_code == 0
    assert client.request(question).status == "answered"


def test_a_beginning_of_two_ids_is_refused_and_names_both(
    cli: Commands, ask: Asks, client: Client
) -> None:
    twins = {ask("twin-a"), ask("twin-b")}
    result = cli("answer", "twin-", "--approve")
    assert result.exit_code == 2
    assert all(twin in result.stderr for twin in twins)
    assert {client.request(twin).status for twin in twins} == {"pending"}


def test_a_beginning_that_a_closed_request_shares_never_comes_to_mean_another(
    cli: Commands, ask: Asks, client: Client
) -> None:
    seen = ask("0193abcd-1")
    client.answer(seen, "Somebody was quicker")
    unseen = ask("0193abcd-2")
    assert cli("answer", "0193abcd", "--approve").exit_code == 2
    assert client.request(unseen).status == "pending"


def test_a_whole_id_means_itself_though_another_begins_with_it(
    cli: Commands, ask: Asks, client: Client
) -> None:
    longer = ask("draft-10")
    whole = ask("draft-1")
    assert cli("answer", "draft-1", "--approve").exit_code == 0
    assert client.request(whole).status == "answered"
    assert client.request(longer).status == "pending"


@pytest.mark.parametrize("name", ["never-asked", "q", ""])
def test_a_request_that_was_never_asked_is_exit_code_5(cli: Commands, ask: Asks, name: str) -> None:
    ask()
    result = cli("answer", name or "x", "--approve")
    assert result.exit_code == 5


# ---- conflicts


def test_a_second_answer_is_exit_code_6_and_names_the_winner(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask()
    client.answer(question, "First")
    result = cli("answer", question, "Second")
    assert result.exit_code == 6
    assert "answered first" in result.stderr
    assert result.stderr.count("\n") == 1
    refused = cli("answer", question, "Second", "--json")
    assert refused.exit_code == 6
    assert refused.stdout == ""
    error = json.loads(refused.stderr)
    assert error["error"] == "already_answered"
    assert error["winner"]["via"] == "api"
    assert completion(client, question).human_feedback == "First"


def test_a_cancelled_request_takes_no_answer_and_no_second_cancel(
    cli: Commands, ask: Asks, client: Client
) -> None:
    question = ask()
    assert cli.lines("cancel", question) == [{"request_id": question, "status": "cancelled"}]
    assert client.request(question).status == "cancelled"
    assert cli("answer", question, "Late").exit_code == 6
    assert cli("cancel", question).exit_code == 6


def test_the_program_itself_answers_what_is_piped_into_it(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    question = ask()
    subprocess.run([*PROGRAM, "answer", question, "-"], env=env, input=b"Piped\n", check=True)
    assert completion(client, question).human_feedback == "Piped"
