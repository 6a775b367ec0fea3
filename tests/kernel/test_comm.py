"""A card whose browser cannot reach the server: the widget's comm carries the same frames.

The browser's part is played by the messages that a front end sends; `js/test` and the
browser tests have the real one.
"""

import json
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from tests.comms import HEARD_WHILE_A_CELL_AWAITS
from tests.kernel.background import types_told
from tests.kernel.conftest import next_question
from tests.kernel.crews import AKICKOFF, KICKOFF_ASYNC
from tests.kernel.running_kernel import Cell, RunningKernel

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
START = "run = hitl.start(make_crew())"


class Page:
    """A page without a way to the server, with one card on it."""

    def __init__(self, kernel: RunningKernel, model_id: str) -> None:
        self._kernel = kernel
        self._model_id = model_id

    @classmethod
    def under(cls, kernel: RunningKernel, cell: Cell) -> "Page":
        cell.wait_for_card()
        return cls(kernel, cell.cards()[-1][WIDGET_VIEW]["model_id"])

    def say(self, **content: Any) -> None:
        self._kernel.tell_widget(self._model_id, content)

    def hear(self, kind: str) -> dict[str, Any]:
        while (message := self._kernel.hear_widget(self._model_id))["kind"] != kind:
            pass
        return message

    def frame(self, kind: str) -> dict[str, Any]:
        """Wait for a frame of this type on the stream."""
        while (frame := json.loads(self.hear("frame")["text"]))["type"] != kind:
            pass
        return dict(frame)

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        self.say(kind="call", id="call", method=method, path=path, body=body)
        reply = self.hear("reply")
        return reply["status"], json.loads(reply["body"])


def answer_on_its_stream(page: Page) -> None:
    page.say(kind="open", id="one", query={"replay": "pending"})
    question = page.frame("human_input_required")
    page.frame("heartbeat")
    answer = {"type": "answer", "ref": "1", "request_id": question["request_id"]}
    page.say(kind="frame", id="one", text=json.dumps({**answer, "via": "card"}))
    assert page.frame("ack")["ref"] == "1"


def test_a_run_in_the_background_is_answered_through_its_kernel(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(START)
    page = Page.under(kernel, cell)
    cell.finish()
    answer_on_its_stream(page)

    kernel.run("run.result()")


@HEARD_WHILE_A_CELL_AWAITS
@pytest.mark.parametrize("kickoff", [KICKOFF_ASYNC, AKICKOFF])
def test_a_waiting_cell_is_answered_through_its_kernel(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    cell = kernel.begin(kickoff)
    answer_on_its_stream(Page.under(kernel, cell))

    cell.finish()
    assert cell.error is None


def test_a_card_looks_its_question_up_and_answers_it_by_a_call(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(START)
    page = Page.under(kernel, cell)
    cell.finish()
    request_id = next_question(client).request_id

    status, found = page.call("GET", f"requests/{request_id}")
    assert (status, found["status"]) == (200, "pending")
    status, taken = page.call("POST", f"requests/{request_id}/answer", "{}")
    assert (status, taken["event"]["decision"]) == (200, "approve")
    kernel.run("run.result()")


def test_a_run_is_read_and_cancelled_through_its_kernel(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(START)
    page = Page.under(kernel, cell)
    run_id = next_question(client).execution_id
    cell.finish()

    status, past = page.call("GET", f"poll/human-input/{run_id}?replay=all&limit=500")
    assert (status, past["events"][0]["type"]) == (200, "run_started")
    wish = {"type": "run_cancel_requested", "execution_id": run_id, "via": "card"}
    assert page.call("POST", "events", json.dumps(wish))[0] == 200
    assert types_told(client, str(run_id))[-1] == "run_cancelled"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "events"),
        ("GET", "requests"),
        ("POST", "requests/../events"),
        ("POST", "requests/x/cancel"),
        ("DELETE", "requests/x"),
        ("GET", "http://127.0.0.1:1/requests/x"),
    ],
)
def test_a_page_steers_the_kernel_to_nothing_else(
    kernel: RunningKernel, client: Client, method: str, path: str
) -> None:
    cell = kernel.begin(START)
    page = Page.under(kernel, cell)
    cell.finish()

    assert page.call(method, path, "{}")[0] == 403
    client.answer(next_question(client).request_id)
    kernel.run("run.result()")


def test_a_server_that_is_away_ends_the_stream_and_says_so(kernel: RunningKernel) -> None:
    model_id = kernel.run(
        "from crewai_hitl_nb.widget import CardWidget\n"
        "from crewai_hitl_nb.client.discovery import Endpoint\n"
        "print(CardWidget(Endpoint('http://127.0.0.1:9/crewai-hitl/')).model_id)"
    ).text.strip()
    page = Page(kernel, model_id)
    page.say(kind="open", id="one", query={})

    assert page.hear("ended") == {"kind": "ended", "id": "one", "status": 503}
