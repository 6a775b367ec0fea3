"""The matrix: however a wait ends, only an answer is one; for every kind of question.

All kinds wait at once in one kernel, and one ending meets them all. What each of them made of
it is looked at one by one: its error, its mark, the calls of its model, and the request.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.client import Client, Request
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from crewai_hitl_nb.protocol.events import HumanInputCancelled, HumanInputRequired
from crewai_hitl_nb.protocol.limits import PRESENCE_GRACE_SECONDS
from tests.events import required
from tests.jupyter_process import JupyterProcess, jupyter_process
from tests.kernel.conftest import (
    LIGHT,
    PROMISED_SECONDS,
    next_question,
    questions_since,
    top_of_the_log,
    wait_until_closed,
)
from tests.kernel.every_kind import EVERY_KIND, KIND_OF
from tests.kernel.running_kernel import Cell, RunningKernel, running_kernel
from tests.relay import Relay

KINDS = tuple(KIND_OF)

pytestmark = pytest.mark.timeout(300)  # one ending meets eleven crews and flows at once
MODEL_CALLS = {
    "kickoff": 1,
    "kickoff_async": 1,
    "akickoff": 1,
    "train": 1,
    "tool": 1,
    "ask_tool": 1,
}
"""How often a model has been called by the time a person is asked."""

RUN_ALL = "forget(); run_all(); told()"
BY_APPROVAL = ("kickoff", "kickoff_async", "akickoff", "train", "flow_feedback", "tool", "model")
"""The kinds that `approve` answers; the others need words."""


@dataclass
class Ended:
    """What became of all kinds after one ending.

    Attributes:
        errors: The error that each ended with, and its text; a blank name for a result.
        reached: Where something ran that only an acceptance lets run.
        calls: How often each called its model.
        requests: What the server says of each.
        seconds: How long it took until all requests were closed, by the server's clock.
    """

    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    reached: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    seconds: float = 0.0

    def take(self, cell: Cell) -> "Ended":
        """Take what the kernel tells of itself."""
        assert cell.error is None, cell.error
        outcomes, self.reached, calls = json.loads(cell.text.split("TOLD")[-1])
        self.errors = {name: tuple(outcome) for name, outcome in outcomes.items()}
        self.calls = {name: calls.count(name) for name in KINDS}
        return self


def name_of(question: HumanInputRequired) -> str:
    """Which of the kinds asks: its crew or flow is called so."""
    return question.source.crew_name or question.source.flow_name or "ask"


def all_questions(client: Client, since: int | None = None) -> dict[str, HumanInputRequired]:
    """Wait until all kinds ask; with a place in the log, also those that end by themselves."""
    asked: Iterator[Any] = client.events(types=["human_input_required"], replay="pending")
    if since is not None:
        asked = questions_since(client, since)
    questions = [q for q in islice(asked, len(KINDS)) if isinstance(q, HumanInputRequired)]
    return {name_of(question): question for question in questions}


def answer(client: Client, question: HumanInputRequired) -> None:
    """Say yes in the way that the question takes."""
    if "approve" in question.response.decisions:
        client.answer(question.request_id, decision="approve")
    elif question.response.options is not None:
        client.answer(question.request_id, options=question.response.options[:1])
    else:
        client.answer(question.request_id, "Words")


def closed(client: Client, questions: Mapping[str, HumanInputRequired]) -> dict[str, Request]:
    return {name: wait_until_closed(client, q.request_id) for name, q in questions.items()}


# ------------------------------------------------------------ endings that leave the kernel


@pytest.fixture(scope="module")
def asking(shared_kernel: RunningKernel) -> RunningKernel:
    """The shared kernel, which knows all kinds."""
    shared_kernel.run(EVERY_KIND)
    return shared_kernel


@pytest.fixture(scope="module")
def person(server: JupyterProcess) -> Iterator[Client]:
    with Client(server.prefix, server.token) as client:
        yield client


def cancelled(kernel: RunningKernel, client: Client) -> Ended:
    kernel.run("hitl.disable(); hitl.enable()")
    cell = kernel.begin(RUN_ALL)
    questions = all_questions(client)
    for question in questions.values():
        client.cancel(question.request_id)
    return Ended(requests=closed(client, questions)).take(cell.finish())


def refused_then_cancelled(kernel: RunningKernel, client: Client) -> Ended:
    """Reject where nobody may reject."""
    kernel.run("hitl.disable(); hitl.enable()")
    cell = kernel.begin(RUN_ALL)
    questions = all_questions(client)
    for question in questions.values():
        if "reject" in question.response.decisions:
            client.answer(question.request_id, "Not today", decision="reject")
            continue
        with pytest.raises(InvalidAnswer):
            client.answer(question.request_id, decision="reject")
        assert client.request(question.request_id).status == "pending"
        client.cancel(question.request_id)
    return Ended(requests=closed(client, questions)).take(cell.finish())


def expired(kernel: RunningKernel, client: Client) -> Ended:
    kernel.run("hitl.enable(timeout=2)")
    mark = top_of_the_log(client)
    cell = kernel.begin(RUN_ALL)
    questions = all_questions(client, mark)
    return Ended(requests=closed(client, questions)).take(cell.finish())


def answered_by_default(kernel: RunningKernel, client: Client) -> Ended:
    kernel.run("hitl.enable(timeout=2, on_expiry='default', default={'decision': 'approve'})")
    mark = top_of_the_log(client)
    cell = kernel.begin(RUN_ALL)
    questions = all_questions(client, mark)
    return Ended(requests=closed(client, questions)).take(cell.finish())


def waited_beyond_its_deadline(kernel: RunningKernel, client: Client) -> Ended:
    """And is answered then."""
    kernel.run("hitl.enable(timeout=1, on_expiry='wait')")
    cell = kernel.begin(RUN_ALL)
    questions = all_questions(client)
    last = max(q.expires_at for q in questions.values() if q.expires_at is not None)
    client.publish(required("clock", execution_id="clock", expires_at=_later(last)))
    assert wait_until_closed(client, "clock").status == "expired"
    for question in questions.values():
        assert client.request(question.request_id).status == "pending"
        answer(client, question)
    return Ended(requests=closed(client, questions)).take(cell.finish())


def _later(deadline: datetime) -> str:
    after = max(deadline, datetime.now(timezone.utc)) + timedelta(seconds=0.2)
    return after.isoformat().replace("+00:00", "Z")


ENDINGS: dict[str, Callable[[RunningKernel, Client], Ended]] = {
    ending.__name__: ending
    for ending in (
        cancelled,
        refused_then_cancelled,
        expired,
        answered_by_default,
        waited_beyond_its_deadline,
    )
}


@pytest.fixture(scope="module", params=ENDINGS)
def ending(
    request: pytest.FixtureRequest, asking: RunningKernel, person: Client
) -> tuple[str, Ended]:
    return request.param, ENDINGS[request.param](asking, person)


@pytest.mark.parametrize("kind", KINDS)
def test_no_end_of_a_wait_is_an_acceptance_but_an_answer(
    ending: tuple[str, Ended], kind: str
) -> None:
    name, ended = ending
    status = ended.requests[kind].status
    error, text = ended.errors[kind]
    rejected = name == "refused_then_cancelled" and kind in ("tool", "model")
    accepted = name == "waited_beyond_its_deadline" or (
        name == "answered_by_default" and kind in BY_APPROVAL
    )

    assert ended.requests[kind].kind == KIND_OF[kind]
    assert (kind in ended.reached) == accepted
    if accepted:
        assert (status, error) == ("answered", "")
    elif rejected:
        assert status == "answered"
        assert error == ("" if kind == "tool" else "Rejected")
        assert ended.calls[kind] == (2 if kind == "tool" else 0)  # the agent is told why
    else:
        assert status == ("cancelled" if "cancelled" in name else "expired")
        assert error == "NotAnswered"
        assert ("withdrawn" if status == "cancelled" else "deadline") in text
        assert ended.calls[kind] == MODEL_CALLS.get(kind, 0)  # no agent was run again


# ------------------------------------------------------------ the stop button


@pytest.mark.parametrize("kind", KINDS)
def test_the_stop_button_withdraws_the_question_and_accepts_nothing(
    asking: RunningKernel, client: Client, kind: str
) -> None:
    asking.run("hitl.disable(); hitl.enable(); forget()")
    wait = "await " if kind in ("kickoff_async", "akickoff") else ""
    cell = asking.begin(f"print({wait}KINDS[{kind!r}]())")
    question = next_question(client)
    asking.interrupt()
    cell.finish()
    request = wait_until_closed(client, question.request_id)
    ended = Ended().take(asking.run("told()"))

    assert cell.error is not None
    assert cell.error[0] in ("KeyboardInterrupt", "CancelledError")
    assert isinstance(request.completion, HumanInputCancelled)
    assert request.completion.reason == "interrupted"
    assert ended.reached == []
    assert ended.calls[kind] == MODEL_CALLS.get(kind, 0)
    assert client.pending() == []


# ------------------------------------------------------------ deaths


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server of this module's own, to be killed."""
    with jupyter_process(tmp_path_factory.mktemp("mortal"), options=LIGHT) as server:
        yield server


@contextmanager
def outliving_kernel(server: JupyterProcess, relay: Relay) -> Iterator[RunningKernel]:
    """A kernel that does not die with its server, and reaches it through the relay."""
    folder = Path(server.env["JUPYTER_DATA_DIR"]) / "kernels" / "outliving"
    folder.mkdir(parents=True, exist_ok=True)
    launch = ["env", "-u", "JPY_PARENT_PID", sys.executable, "-m", "ipykernel_launcher"]
    spec: dict[str, Any] = {"display_name": "Outliving", "language": "python"}
    spec["argv"] = [*launch, "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps(spec))
    with running_kernel(server, "outliving") as kernel:
        pid = kernel.pid()
        kernel.run(
            f"{EVERY_KIND}\nimport os\nkey = os.environ['CREWAI_HITL_KERNEL_KEY']\n"
            f"hitl.enable(url='http://127.0.0.1:{relay.port}/crewai-hitl/', token=key)"
        )
        try:
            yield kernel
        finally:
            # A server that was started later does not know it.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass
class Deaths:
    """What became of all kinds after three of them."""

    cut: Ended
    restarted: Ended
    killed: Ended


@pytest.fixture(scope="module")
def deaths(mortal: JupyterProcess) -> Iterator[Deaths]:
    """The network is cut, then the server is killed and comes back, then the kernel is killed."""
    with (
        Client(mortal.prefix, mortal.token) as client,
        Relay(mortal.port) as relay,
        outliving_kernel(mortal, relay) as kernel,
    ):
        pid = kernel.pid()

        cell = kernel.begin(RUN_ALL)
        questions = all_questions(client)
        relay.cut()
        for question in questions.values():
            answer(client, question)
        relay.restore()
        cut = Ended(requests=closed(client, questions)).take(cell.finish())

        cell = kernel.begin(RUN_ALL)
        questions = all_questions(client)
        mortal.kill()
        mortal.start()
        assert all_questions(client) == questions
        for question in questions.values():
            answer(client, question)
        restarted = Ended(requests=closed(client, questions)).take(cell.finish())

        kernel.begin(RUN_ALL)
        questions = all_questions(client)
        began = datetime.now(timezone.utc)
        os.kill(pid, signal.SIGKILL)
        killed = Ended(requests=closed(client, questions))
        ends = (r.completion.timestamp for r in killed.requests.values() if r.completion)
        killed.seconds = (max(ends) - began).total_seconds()
        yield Deaths(cut, restarted, killed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("death", ["cut", "restarted"])
def test_an_answer_given_while_the_connection_was_down_arrives(
    deaths: Deaths, death: str, kind: str
) -> None:
    ended: Ended = getattr(deaths, death)

    assert ended.requests[kind].status == "answered"
    assert ended.errors[kind][0] == "", ended.errors[kind]
    assert kind in ended.reached


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_kernels_questions_are_cancelled_within_ten_seconds(
    deaths: Deaths, kind: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("kill_to_cancelled_seconds", deaths.killed.seconds)
    request = deaths.killed.requests[kind]

    assert PRESENCE_GRACE_SECONDS < PROMISED_SECONDS
    assert isinstance(request.completion, HumanInputCancelled)
    assert request.completion.reason == "source_lost"
