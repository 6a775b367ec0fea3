"""A script at a terminal, with a server: console and card are live, and the first one wins."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.errors import AlreadyAnswered
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired
from tests.jupyter_process import JupyterProcess, scratch_env
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.crews import CREW
from tests.kernel.script_terminal import (
    END,
    INTERRUPT,
    ScriptAtATerminal,
    script_at_a_terminal,
)
from tests.relay import Relay

KICKOFF = "print('result:', make_crew().kickoff())"
ENTER = "Press Enter to accept the result, or say what to change: "
RACES = 20


@pytest.fixture(scope="module")
def relay(server: JupyterProcess) -> Iterator[Relay]:
    """The network between the script and the server."""
    with Relay(server.port) as relay:
        yield relay


@pytest.fixture(scope="module")
def running_script(
    server: JupyterProcess, relay: Relay, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScriptAtATerminal]:
    folder = tmp_path_factory.mktemp("terminal")
    address = {
        "CREWAI_HITL_URL": f"http://127.0.0.1:{relay.port}/crewai-hitl/",
        "CREWAI_HITL_TOKEN": server.token,
    }
    with script_at_a_terminal(folder, scratch_env(folder) | address) as script:
        yield script


@pytest.fixture
def script(running_script: ScriptAtATerminal, client: Client) -> ScriptAtATerminal:
    running_script.run("hitl.disable(); hitl.enable()")
    return running_script


def completion(client: Client, request_id: str) -> HumanInputCompleted:
    closing = wait_until_closed(client, request_id).completion
    assert isinstance(closing, HumanInputCompleted)
    return closing


def asked(description: str = "A note on coffee", **response: object) -> str:
    """Code that kicks off a crew whose question takes the given answers."""
    return (
        f"crew = make_crew({description!r})\n"
        f"hitl.annotate(crew.tasks[0], response={response!r} or None)\n"
        "print('result:', crew.kickoff())"
    )


def test_the_console_shows_all_that_one_needs_and_its_answer_counts(
    script: ScriptAtATerminal, server: JupyterProcess, client: Client
) -> None:
    script.begin(f"hitl.enable(timeout=3600)\n{KICKOFF}")
    script.expect("Notes / note / Writer asks", "# A note on tea", "Is this result good?")
    script.expect("Answer here, or at http", "to edit the text itself; until ", "(in 59 min)")
    first = next_question(client).request_id
    script.expect(ENTER)
    script.type("Shorter")
    script.expect("Answer sent.", "Notes / note / Writer asks  round 2", "- Shorter", ENTER)
    second = next_question(client).request_id
    script.type("")
    script.expect_each("Answer sent.", "result: ", "- Shorter", "<ended: well>")

    said = completion(client, first)
    assert (said.decision, said.human_feedback) == ("respond", "Shorter")
    assert said.answered_by is not None
    assert said.answered_by.via == "console"
    assert completion(client, second).decision == "approve"


def test_an_answer_from_elsewhere_ends_the_wait_and_is_shown(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    script.screen.send("I was about to")
    script.expect("I was about to")  # echoed: it is in the terminal's line
    client.answer(next_question(client).request_id, decision="approve", via="cli")

    script.expect_each(
        "(cli) answered first: approve",
        "You wrote:\r\nI was about to",
        "result: # A note on tea",
        "<ended: well>",
    )


def test_a_question_behind_another_one_waits_its_turn_and_takes_no_blank_line_meant_before(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(
        "import threading\n"
        "crews = [threading.Thread(target=make_crew(d).kickoff) for d in ('One', 'Two')]\n"
        "for crew in crews: crew.start()\n"
        "for crew in crews: crew.join()"
    )
    seen = script.expect_each(ENTER, "1 more waits")
    shown = "# One" if "# One" in seen else "# Two"
    asked = islice(client.events(types=["human_input_required"], replay="pending"), 2)
    (first,) = (q for q in asked if isinstance(q, HumanInputRequired) and shown in q.context)
    client.answer(first.request_id, decision="approve")
    script.expect("answered first: approve", ENTER)
    script.type("")
    script.expect("If that was for this question", ENTER)
    assert len(client.pending()) == 1
    script.type("")
    script.expect_each("Answer sent.", "<ended: well>")


@pytest.mark.parametrize("race", range(RACES))
def test_if_console_and_card_answer_at_once_one_wins_and_the_other_is_told(
    script: ScriptAtATerminal,
    client: Client,
    race: int,
    record_property: Callable[[str, object], None],
) -> None:
    script.begin(asked(options=["left", "right"]))
    script.expect("Press Enter to accept the result, or choose, a number: ")
    question = next_question(client).request_id

    def click() -> bool:
        try:
            client.answer(question, decision="approve", via="cli")
        except AlreadyAnswered as lost:
            return bool(lost.details["winner"]["via"] != "console")
        return True

    with ThreadPoolExecutor() as pool:
        if race % 2:
            clicked = pool.submit(click)
            script.type("1")
        else:
            script.type("1")
            clicked = pool.submit(click)
        card_won = clicked.result()
    record_property("won", "card" if card_won else "console")
    if card_won:
        script.expect_each("(cli) answered first", "<ended: well>")
    else:
        script.expect("Answer sent.")
        client.answer(next_question(client).request_id)
        script.expect_each("answered first: approve", "<ended: well>")

    assert completion(client, question).options == (None if card_won else ("left",))


def test_the_end_of_input_leaves_the_question_to_the_card(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    script.screen.send(END)
    script.expect("Input has ended; the question stays open. Answer at http")
    question = next_question(client)
    client.answer(question.request_id, "Shorter", via="cli")
    script.expect("(cli) answered first: respond Shorter", ENTER)  # it asks the next one
    script.type("")
    script.expect("<ended: well>")


def test_control_c_withdraws_the_question_and_approves_nothing(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    question = next_question(client).request_id
    script.screen.send(INTERRUPT)
    seen = script.expect("<ended: KeyboardInterrupt")

    assert wait_until_closed(client, question).status == "cancelled"
    assert "result:" not in seen


def test_a_form_is_filled_line_by_line_and_again_where_the_server_finds_a_fault(
    script: ScriptAtATerminal, client: Client
) -> None:
    rows = {"type": "integer", "title": "Rows", "maximum": 10}
    form = {"type": "object", "properties": {"rows": rows}, "required": ["rows"]}
    script.begin(asked(decisions=["respond"], schema=form))
    question = next_question(client).request_id
    for label, typed, then in [
        ("", "many", "Expected: a whole number."),
        ("", "99", "The answer is not valid: `values.rows`: must be at most 10"),
        (", blank keeps 99", "9", "Answer sent."),
    ]:
        script.expect(f"Rows (a whole number{label}): ")
        script.type(typed)
        script.expect(then)
    assert completion(client, question).values == {"rows": 9}
    client.cancel(next_question(client).request_id)
    script.expect("<ended: NotAnswered")


def test_a_file_is_uploaded_from_the_path_that_is_typed_and_the_agent_reads_its_name(
    script: ScriptAtATerminal, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "sales.csv").write_bytes(b"id\n")
    file = {"type": "object", "format": "file", "title": "Table"}
    form = {"type": "object", "properties": {"table": file}, "required": ["table"]}
    script.begin(asked(decisions=["respond"], schema=form))
    question = next_question(client).request_id
    script.expect("Table (the path of a file): ")
    script.type(str(tmp_path / "sale.csv"))
    script.expect("sale.csv cannot be read: No such file or directory")
    script.expect("Table (the path of a file): ")
    script.type(str(tmp_path / "sales.csv"))
    script.expect("Answer sent.")
    values = completion(client, question).values
    assert values is not None
    assert client.download(question, values["table"]["sha256"]) == b"id\n"
    again = next_question(client)
    assert again.history[-1].feedback == '{"table":"sales.csv (3 bytes)"}'
    client.cancel(again.request_id)
    script.expect("<ended: NotAnswered")


def test_blank_lines_ask_again_where_nothing_can_be_approved(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(asked(decisions=["respond"]))
    for _ in range(2):
        script.expect("Your answer: ")
        script.type("")
    script.expect("Your answer: ")
    question = next_question(client).request_id
    script.screen.send(INTERRUPT)
    script.expect("<ended: KeyboardInterrupt")

    assert wait_until_closed(client, question).status == "cancelled"


def test_a_pasted_text_is_one_answer(script: ScriptAtATerminal, client: Client) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    question = next_question(client).request_id
    script.screen.send("\nShorter,\n\nand kinder.\n")
    script.expect("Answer sent.", ENTER)

    assert completion(client, question).human_feedback == "Shorter,\n\nand kinder."
    script.type("")
    script.expect("<ended: well>")


def test_input_typed_before_the_question_approves_nothing(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.type("", "", "")
    script.begin(KICKOFF)
    script.expect(ENTER)
    question = next_question(client).request_id
    script.screen.send(INTERRUPT)
    script.expect("<ended: KeyboardInterrupt")

    assert wait_until_closed(client, question).status == "cancelled"


def test_an_answer_typed_while_the_server_is_away_goes_out_when_it_is_back(
    script: ScriptAtATerminal, relay: Relay, client: Client
) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    question = next_question(client).request_id
    relay.cut()
    script.type("Shorter")
    script.expect("The server is away; your answer is sent when it is back.")
    relay.restore()
    script.expect("Answer sent.", ENTER)

    assert completion(client, question).human_feedback == "Shorter"
    script.type("")
    script.expect("<ended: well>")


def test_an_answer_typed_while_the_server_is_away_loses_to_one_that_it_has_by_then(
    script: ScriptAtATerminal, relay: Relay, client: Client
) -> None:
    script.begin(KICKOFF)
    script.expect(ENTER)
    question = next_question(client).request_id
    relay.cut()
    script.type("My careful words")
    script.expect("The server is away")
    client.answer(question, decision="approve", via="cli")
    relay.restore()

    script.expect_each(
        "You wrote:\r\nMy careful words", "(cli) answered first: approve", "<ended: well>"
    )


def test_an_escape_sequence_in_a_draft_is_shown_and_not_obeyed(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.begin(asked("\x1b]0;owned\x07\x9b2J"))
    seen = script.expect(ENTER)
    client.answer(next_question(client).request_id)
    script.expect_each("(api) answered first", "<ended: well>")

    assert r"\x1b]0;owned\x07\x9b2J" in seen
    assert not {"\x07", "\x9b"} & set(seen)


def test_the_keyboard_of_windows_reads_any_terminal(
    script: ScriptAtATerminal, client: Client
) -> None:
    script.run(
        "from crewai_hitl_nb.kernel.screens import console, keyboard\n"
        "kept = console.keyboard; console.keyboard = keyboard.line_keyboard\n"
        f"hitl.disable(); hitl.enable()\n{CREW}"
    )
    script.begin(KICKOFF)
    script.expect(ENTER)
    script.type("Shorter")
    script.expect("Answer sent.", ENTER)
    client.answer(next_question(client).request_id, via="cli")
    script.expect_each("(cli) answered first", "<ended: well>")
    script.run("console.keyboard = kept; hitl.disable()")
