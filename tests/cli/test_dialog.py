"""`crewai-hitl answer` on a real terminal: what it asks, and what it never takes for an answer."""

import re
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from tests.cli.command import terminal
from tests.cli.conftest import Asks
from tests.cli.test_answer import TABLES

END = "\x04"
INTERRUPT = "\x03"


def completion(client: Client, request_id: str) -> HumanInputCompleted:
    completed = client.request(request_id).completion
    assert isinstance(completed, HumanInputCompleted)
    return completed


def test_the_question_is_shown_and_blank_lines_ask_again_until_there_is_an_answer(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    question = ask(prompt="Is this draft good?", context="# Bridges\n\nThey carry.")
    with terminal("answer", question, env=env) as screen:
        screen.expect("They carry.")
        screen.expect("Is this draft good\\?")
        for _ in range(2):
            screen.expect("Your decision \\(approve, respond\\): ")
            screen.sendline("")
        screen.expect("Your decision")
        screen.sendline("perhaps")
        screen.expect("Type one of approve, respond")
        screen.sendline("respond")
        screen.expect("end it with Ctrl-D")
        screen.sendline("")
        screen.send(END)
        screen.expect("The answer is empty")
        screen.sendline("Shorter, please.\n\nAnd kinder.")
        screen.send(END)
        screen.expect(f"answered {question}: respond")
        assert screen.wait() == 0
    assert completion(client, question).human_feedback == "Shorter, please.\n\nAnd kinder."


def test_the_word_approves(env: dict[str, str], ask: Asks, client: Client) -> None:
    question = ask()
    with terminal("answer", question, env=env) as screen:
        screen.expect("Your decision")
        screen.sendline("approve")
        assert screen.wait() == 0
    assert completion(client, question).decision == "approve"


@pytest.mark.parametrize("key", [END, INTERRUPT], ids=["end-of-input", "interrupt"])
def test_leaving_the_dialog_sends_nothing(
    env: dict[str, str], ask: Asks, client: Client, key: str
) -> None:
    question = ask()
    with terminal("answer", question, env=env) as screen:
        screen.expect("Your decision")
        screen.send(key)
        assert screen.wait() == 1
    assert client.request(question).status == "pending"


def test_options_are_chosen_by_number(env: dict[str, str], ask: Asks, client: Client) -> None:
    question = ask(**TABLES)
    with terminal("answer", question, env=env) as screen:
        screen.expect("2  customers")
        screen.expect("Your choice")
        screen.sendline("0, 2")
        screen.expect("from 1 to 2")
        screen.sendline("1, 2")
        assert screen.wait() == 0
    assert completion(client, question).options == ("orders", "customers")


def test_a_form_asks_field_by_field_and_again_when_the_server_finds_a_fault(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    fields = {
        "rows": {"type": "integer", "title": "Rows", "maximum": 10},
        "dry": {"type": "boolean"},
        "note": {"type": "string", "description": "Anything else"},
    }
    form = {"type": "object", "properties": fields, "required": ["rows", "dry"]}
    question = ask(response={"decisions": ["respond"], "schema": form})
    with terminal("answer", question, env=env) as screen:
        for rows in ("many", "99"):
            screen.expect("Rows \\(a whole number\\): ")
            screen.sendline(rows)
        screen.expect("dry \\(yes or no\\): ")
        screen.sendline("yes")
        screen.expect("Anything else")
        screen.expect("note \\(text, may be blank\\): ")
        screen.sendline("By hand")
        screen.expect("The answer is not valid: .*rows`: must be at most 10")
        screen.expect("✗ must be at most 10")
        screen.expect("Rows \\(a whole number, blank keeps 99\\): ")
        screen.sendline("9")
        screen.expect("dry \\(yes or no, blank keeps true\\): ")
        screen.sendline("")
        screen.expect('note \\(text, blank keeps "By hand", - leaves it empty\\): ')
        screen.sendline("")
        assert screen.wait() == 0
    assert completion(client, question).values == {"rows": 9, "dry": True, "note": "By hand"}


def test_a_list_of_parts_is_filled_row_by_row(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    guest = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "seat": {"type": ["integer", "string"]},
        },
        "required": ["name"],
    }
    fields = {
        "guests": {"type": "array", "items": guest, "default": [{"name": "Ada"}, {"name": "Bo"}]},
        "host": guest,
    }
    form = {"type": "object", "properties": fields, "required": ["guests"]}
    question = ask(response={"decisions": ["respond"], "schema": form})
    with terminal("answer", question, env=env) as screen:
        for expected, typed in [
            ('1  {"name":"Ada"}', ""),
            ("guests, row 1 (blank keeps it, edit changes it, - removes it): ", "-"),
            ("guests, row 2 (blank keeps it, edit changes it, - removes it): ", "edit"),
            ('name (text, blank keeps "Bo"): ', ""),
            ("seat (a whole number or text, may be blank): ", "12"),
            ("Add a row to guests (yes; blank: no): ", "yes"),
            ("name (text): ", "Cy"),
            ("seat (a whole number or text, may be blank): ", "window"),
            ("Add a row to guests (yes; blank: no): ", ""),
            ("Fill in host (yes; blank: no): ", ""),
        ]:
            screen.expect(re.escape(expected))
            if not expected.startswith("1 "):
                screen.sendline(typed)
        assert screen.wait() == 0
    assert completion(client, question).values == {
        "guests": [{"name": "Bo", "seat": 12}, {"name": "Cy", "seat": "window"}]
    }


def test_a_person_who_answers_too_late_sees_their_text_again(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    question = ask(response={"decisions": ["respond"]})
    with terminal("answer", question, env=env) as screen:
        screen.expect("end it with Ctrl-D")
        client.answer(question, "First")
        screen.sendline("A long and careful review")
        screen.send(END)
        screen.expect("You wrote:\r\nA long and careful review")
        screen.expect("answered first")
        assert screen.wait() == 6


def test_an_escape_sequence_in_a_question_is_shown_and_not_obeyed(
    env: dict[str, str], ask: Asks
) -> None:
    sneaky = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202eevorppa [red]not rich[/red]"
    question = ask(prompt=sneaky, context=sneaky, source={"agent_role": sneaky})
    with terminal("answer", question, env={**env, "NO_COLOR": "1"}) as screen:
        screen.expect("Your decision")
        seen = screen.before
        screen.send(INTERRUPT)
        screen.wait()
    assert seen.count(r"\x1b]0;owned\x07\x1b[2J\x9b2J\u202eevorppa [red]not rich[/red]") == 3
    assert not {"\x07", "\x9b", "\u202e"} & set(seen)
    assert "\x1b[2J" not in seen


def test_rows_to_decide_on_are_asked_for_one_by_one_and_none_can_be_skipped(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    row = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "decision": {"type": "string", "enum": ["approve", "reject"]},
        },
        "required": ["decision"],
    }
    rows = {"type": "array", "items": row, "minItems": 2, "maxItems": 2}
    fields = {"rows": {**rows, "default": [{"id": "1"}, {"id": "2"}]}}
    form = {"type": "object", "properties": fields, "required": ["rows"]}
    question = ask(response={"decisions": ["respond"], "schema": form})
    with terminal("answer", question, env=env) as screen:
        for decision in ("approve", "reject"):
            screen.expect("id: ")
            screen.expect(r"decision \(approve \| reject\): ")
            screen.sendline("")
            screen.expect(r"decision \(approve \| reject\): ")
            screen.sendline(decision)
        assert screen.wait() == 0
    assert completion(client, question).values == {
        "rows": [{"id": "1", "decision": "approve"}, {"id": "2", "decision": "reject"}]
    }


def test_a_file_is_attached_by_its_path_and_asked_for_again_until_it_fits(
    env: dict[str, str], ask: Asks, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    (tmp_path / "notes.txt").write_text("n")
    fields = {
        "table": {"type": "object", "format": "file", "title": "Table", "accept": [".csv"]},
        "rows": {"type": "integer", "maximum": 10},
    }
    form = {"type": "object", "properties": fields, "required": ["table"]}
    question = ask(response={"decisions": ["respond"], "schema": form})
    with terminal("answer", question, env=env) as screen:
        screen.expect("Table \\(the path of a file: .csv\\): ")
        screen.sendline(str(tmp_path / "missing.csv"))
        screen.expect("missing.csv cannot be read: No such file or directory")
        screen.sendline(str(tmp_path / "notes.txt"))
        screen.expect("notes.txt must be one of these kinds of files: .csv")
        screen.sendline(str(tmp_path / "sales.csv"))
        screen.expect("sales.csv \\(5 bytes\\)")
        screen.expect("rows")
        screen.sendline("99")
        screen.expect("must be at most 10")
        screen.expect("Table \\(the path of a file: .csv, blank keeps sales.csv \\(5 bytes\\)\\): ")
        screen.sendline("")
        screen.expect("rows")
        screen.sendline("9")
        assert screen.wait() == 0
    values = completion(client, question).values
    assert values is not None
    assert client.download(question, values["table"]["sha256"]) == b"id\n1\n"
