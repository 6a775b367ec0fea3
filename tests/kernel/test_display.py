"""The card stands under the cell that asked, whoever asked from wherever."""

import subprocess
import sys

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.crews import EVERY_KICKOFF, KICKOFF
from tests.kernel.running_kernel import RunningKernel

CARD = "application/vnd.crewai-hitl.request+json"


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF)
def test_the_card_appears_under_the_cell_that_asked(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    cell = kernel.begin(kickoff)
    card = cell.wait_for_card()
    question = next_question(client)  # the card is on screen before the server knows
    client.answer(question.request_id)
    cell.finish()

    assert len(cell.cards()) == 1
    assert card["request_id"] == question.request_id


def test_one_bundle_serves_every_front_end(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(KICKOFF)
    card = cell.wait_for_card()
    question = next_question(client)
    client.answer(question.request_id)
    cell.finish()

    (bundle,) = cell.cards()
    view = "application/vnd.jupyter.widget-view+json"
    assert set(bundle) == {CARD, view, "text/html", "text/markdown", "text/plain"}
    assert card["request_id"] == question.request_id
    assert card["event"]["prompt"] == question.prompt
    assert question.prompt in bundle["text/plain"]


def test_the_saved_output_shows_how_the_question_ended(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin("said = hitl.ask('Which table?')")
    cell.wait_for_card()
    client.answer(next_question(client).request_id, "the second one")
    cell.finish()
    (bundle,) = cell.cards()
    assert bundle[CARD]["completion"]["human_feedback"] == "the second one"
    assert bundle["text/plain"].endswith("the second one")

    cell = kernel.begin("said = hitl.ask('Which table?', timeout=0.5)")
    cell.finish()
    (bundle,) = cell.cards()
    assert bundle[CARD]["completion"]["type"] == "human_input_expired"


@pytest.mark.parametrize(
    "work",
    [
        "make_crew().kickoff()",
        "hitl.ask('Which table?')",
        "Thread(target=lambda: hitl.ask('Which table?')).start()",
    ],
)
def test_a_question_from_a_widgets_click_appears_under_the_last_cell(
    kernel: RunningKernel, client: Client, work: str
) -> None:
    kernel.run("1 + 1")
    cell = kernel.run(
        "from threading import Thread\nimport ipywidgets\n"
        f"button = ipywidgets.Button()\nbutton.on_click(lambda _: {work})\n"
        "print(button.model_id)"
    )
    kernel.tell_widget(cell.text.strip(), {"event": "click"})
    card = cell.wait_for_card()
    question = next_question(client)
    client.answer(question.request_id, "" if question.kind == "task_feedback" else "fine")
    kernel.run("pass")  # which the click would hold up for as long as it waits

    assert card["request_id"] == question.request_id


def test_a_bare_thread_asks_under_the_cell_where_its_crew_began(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        "import threading\n"
        "slow = make_crew()\n"
        "began, go_on = threading.Event(), threading.Event()\n"
        "def wait_first(inputs):\n"
        "    began.set(); go_on.wait()\n"
        "    return inputs\n"
        "slow.before_kickoff_callbacks.append(wait_first)\n"
        "thread = threading.Thread(target=slow.kickoff)\n"
        "thread.start(); assert began.wait(30)"
    ).finish()
    assert cell.error is None
    other = kernel.begin("go_on.set(); thread.join(); print('joined')")

    question = next_question(client)
    client.answer(question.request_id)
    other.finish()

    assert "joined" in other.text
    assert len(cell.cards()) == 1
    assert other.cards() == []


def test_concurrent_crews_ask_side_by_side(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(
        "import asyncio\n"
        "crews = [make_crew(f'A note on {n}') for n in ('tea', 'rye', 'oats')]\n"
        "results = await asyncio.gather(*(c.akickoff() for c in crews))\n"
        "print(*(str(r).splitlines()[0] for r in results))"
    )
    for _ in range(3):
        client.answer(next_question(client).request_id)
    cell.finish()

    assert len({card[CARD]["request_id"] for card in cell.cards()}) == 3

    assert cell.error is None
    assert "# A note on tea # A note on rye # A note on oats" in cell.text


def test_the_inbox_is_a_widget_that_asks_the_server_itself(kernel: RunningKernel) -> None:
    cell = kernel.run("inbox = hitl.inbox(); print(inbox.mode); inbox")

    assert cell.text == "inbox\n"
    (shown,) = [o for o in cell.outputs if o["output_type"] == "execute_result"]
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]
    assert shown["data"][CARD] == {"mode": "inbox"}


def test_cards_share_one_script_and_one_layout(kernel: RunningKernel) -> None:
    same_script, same_layout, carried = kernel.run(
        "from crewai_hitl_nb.widget import CardWidget\n"
        "one, other = CardWidget(), CardWidget()\n"
        "print(one.script is other.script, one.layout is other.layout, len(other._esm))"
    ).text.split()

    assert (same_script, same_layout) == ("True", "True")
    assert int(carried) < 2000


def test_a_card_has_a_script_also_after_all_widgets_were_closed(kernel: RunningKernel) -> None:
    shown = kernel.run(
        "from crewai_hitl_nb.widget import CardWidget\n"
        "closed = CardWidget()\n"
        "closed.script.close(), closed.layout.close()\n"
        "fresh = CardWidget()\n"
        "print(fresh.script is closed.script, fresh.script.comm is None, fresh.layout.comm is None)"
    ).text.split()

    assert shown == ["False", "False", "False"]


def test_a_program_that_made_a_card_ends_without_errors_on_its_console() -> None:
    made = "from crewai_hitl_nb.widget import CardWidget; card = CardWidget(request={})"
    done = subprocess.run(
        [sys.executable, "-c", made], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr == ""


def test_a_widget_that_is_made_from_the_card_keeps_a_script_of_its_own(
    kernel: RunningKernel,
) -> None:
    shown = kernel.run(
        "from crewai_hitl_nb.widget import CardWidget\n"
        "class Mine(CardWidget):\n"
        "    _esm = 'export default {}'\n"
        "print(Mine()._esm, CardWidget(_esm='given')._esm, len(CardWidget()._esm) > 100)"
    ).text

    assert shown == "export default {} given True\n"
