"""Durable pauses: a flow is stored and asked about; its kernel may die; it is resumed once."""

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputRequired, UnknownEvent
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import wait_until_closed
from tests.kernel.paused_flows import DURABLE, ENABLE_DURABLE, told
from tests.kernel.running_kernel import RunningKernel, running_kernel

RESUME = "told(hitl.resume_pending([Letter, Fragile, Loop]))"
RESUME_ASYNC = "told(await hitl.resume_pending_async([Letter, Fragile, Loop]))"


@pytest.fixture
def kernel(shared_kernel: RunningKernel, client: Client) -> Iterator[RunningKernel]:
    """The shared kernel, in which flows pause."""
    shared_kernel.run(ENABLE_DURABLE)
    yield shared_kernel
    shared_kernel.run("forget_all(); hitl.disable()")


@pytest.fixture
def name() -> str:
    """A name for a letter and its marks."""
    return uuid.uuid4().hex


def pause(kernel: RunningKernel, client: Client, name: str) -> HumanInputRequired:
    cell = kernel.run(f"paused(Letter(), name={name!r})")
    (question,) = (r for r in client.pending() if r.pause is not None)
    assert len(cell.cards()) == 1
    return question


def resumed(kernel: RunningKernel, code: str = RESUME) -> list[list[str]]:
    return told(kernel.run(code).text)


def marks(server: JupyterProcess, name: str) -> list[str]:
    return (Path(server.env["CREWAI_STORAGE_DIR"]) / name).read_text().splitlines()


def test_a_pause_ends_the_run_and_leaves_the_question_open(
    kernel: RunningKernel, client: Client, name: str
) -> None:
    cell = kernel.run(
        f"result = paused(Letter(), name={name!r})\n"
        "print(result.callback_info['request_id'], result.context.flow_id)"
    )
    (question,) = client.pending()

    assert question.pause is not None
    assert cell.text.split()[-2:] == [question.request_id, question.pause.flow_id]
    assert question.pause.flow_class == "__main__.Letter"
    assert question.pause.persistence is not None
    assert question.source.id is None
    assert question.response.options == ("send", "drop")


@pytest.mark.parametrize("code", [RESUME, RESUME_ASYNC])
def test_an_answered_pause_is_resumed_in_a_cell_and_once(
    kernel: RunningKernel, client: Client, server: JupyterProcess, name: str, code: str
) -> None:
    question = pause(kernel, client, name)
    assert resumed(kernel, code) == []
    client.answer(question.request_id, "with love", options=["send"])

    assert resumed(kernel, code) == [
        [question.request_id, "finished", "sent Dear reader, with love", "NoneType"]
    ]
    assert resumed(kernel, code) == []
    written, sent = (line.split() for line in marks(server, name))
    assert (written[0], sent[0]) == ("written", "sent")
    assert written[1] == sent[1] == question.execution_id


def test_a_paused_flow_outlives_its_kernel(
    kernel: RunningKernel, client: Client, server: JupyterProcess, name: str
) -> None:
    with running_kernel(server) as doomed:
        doomed.run(ENABLE_DURABLE)
        question = pause(doomed, client, name)
        pid = doomed.pid()
        doomed.run("hitl.enable(durable_flows=[Letter])")
        doomed.begin("Fragile().kickoff()")
        (waiting,) = (r for r in _until_two(client) if r.pause is None)
        os.kill(pid, signal.SIGKILL)
        assert wait_until_closed(client, waiting.request_id).status == "cancelled"

    assert client.request(question.request_id).status == "pending"
    client.answer(question.request_id, options=["drop"])
    (result,) = resumed(kernel)
    assert result[:3] == [question.request_id, "finished", "dropped"]


def _until_two(client: Client) -> list[HumanInputRequired]:
    seen: list[HumanInputRequired] = []
    for event in client.events(types=["human_input_required"], replay="pending"):
        if isinstance(event, HumanInputRequired):
            seen.append(event)
        if len(seen) == 2:
            break
    return seen


def test_two_kernels_at_once_resume_a_flow_once(
    kernel: RunningKernel, client: Client, server: JupyterProcess
) -> None:
    names = [uuid.uuid4().hex for _ in range(4)]
    with running_kernel(server) as other:
        other.run(ENABLE_DURABLE)
        for name in names:
            kernel.run(f"paused(Letter(), name={name!r})")
        for question in client.pending():
            client.answer(question.request_id, options=["send"])
        cells = [each.begin(RESUME) for each in (kernel, other)]
        results = [told(cell.finish().text) for cell in cells]

    assert sorted(r[1] for each in results for r in each) == ["finished"] * 4
    for name in names:
        assert [line.split()[0] for line in marks(server, name)] == ["written", "sent"]


def test_a_record_that_crewai_stores_again_is_not_resumed_again(
    kernel: RunningKernel, client: Client, server: JupyterProcess, name: str
) -> None:
    """As it does when the paused run returns: the answer may have been used by then."""
    question = pause(kernel, client, name)
    assert question.pause is not None
    with sqlite3.connect(str(question.pause.persistence)) as database:
        row = database.execute(
            "SELECT flow_uuid, context_json, state_json, created_at FROM pending_feedback"
            " WHERE flow_uuid = ?",
            [question.pause.flow_id],
        ).fetchone()
    client.answer(question.request_id, options=["send"])
    assert len(resumed(kernel)) == 1
    with sqlite3.connect(str(question.pause.persistence)) as database:
        database.execute(
            "INSERT INTO pending_feedback (flow_uuid, context_json, state_json, created_at)"
            " VALUES (?, ?, ?, ?)",
            row,
        )

    assert resumed(kernel) == []
    assert [line.split()[0] for line in marks(server, name)] == ["written", "sent"]


def test_a_resume_that_fails_keeps_the_answer_and_can_be_tried_again(
    kernel: RunningKernel, client: Client, server: JupyterProcess
) -> None:
    kernel.run("paused(Fragile())")
    (question,) = client.pending()
    client.answer(question.request_id, "Yes, do")

    kernel.run("(MARKS / 'broken').touch()")
    assert resumed(kernel) == [[question.request_id, "failed", "None", "RuntimeError"]]
    assert resumed(kernel) == [[question.request_id, "failed", "None", "RuntimeError"]]
    kernel.run("(MARKS / 'broken').unlink()")
    assert resumed(kernel) == [[question.request_id, "finished", "well", "NoneType"]]
    assert marks(server, "fragile") == ["went on with Yes, do"]

    told = _events_of(client, question.execution_id, until="run_finished")
    assert told.count("run_resume_failed") == 2
    assert told[-2:] == ["run_started", "run_finished"]


def _events_of(client: Client, execution_id: str | None, until: str) -> list[str]:
    types: list[str] = []
    for event in client.events(execution_id, replay="all"):
        if isinstance(event, UnknownEvent):
            types.append(event.type)
            if event.type == until:
                break
    return types


def test_a_flow_that_asks_again_pauses_again(kernel: RunningKernel, client: Client) -> None:
    kernel.run("paused(Loop())")
    (first,) = client.pending()
    client.answer(first.request_id, options=["again"])
    assert resumed(kernel)[0][:2] == [first.request_id, "paused"]

    (second,) = client.pending()
    assert second.pause == first.pause
    assert second.execution_id == first.execution_id
    assert resumed(kernel) == []  # the first answer is not one to the second question
    client.answer(second.request_id, options=["enough"])
    assert resumed(kernel)[0][:3] == [second.request_id, "finished", "enough after 2"]


def test_a_pause_without_an_answer_is_reported_and_not_resumed(
    kernel: RunningKernel, client: Client, name: str
) -> None:
    question = pause(kernel, client, name)
    client.cancel(question.request_id)

    assert resumed(kernel) == [[question.request_id, "cancelled", "None", "NoneType"]]


def test_resuming_a_flow_by_hand_cancels_its_question(
    kernel: RunningKernel, client: Client, name: str
) -> None:
    question = pause(kernel, client, name)
    assert question.pause is not None
    by_hand = (
        f"flow = Letter.from_pending({question.pause.flow_id!r},"
        f" SQLiteFlowPersistence({question.pause.persistence!r}))\n"
    )
    kernel.begin(f"{by_hand}flow.resume('')").finish()  # nothing said: crewAI's first outcome

    assert wait_until_closed(client, question.request_id).status == "cancelled"
    assert resumed(kernel) == []


def test_two_steps_that_would_pause_side_by_side_fail_the_flow(kernel: RunningKernel) -> None:
    """crewAI stores only one pause of a flow: an answer to the other could never be used."""
    kernel.run(
        "hitl.enable(url='http://127.0.0.1:9/', durable_flows=True)\n"  # so that both still ask
        "class Both(Flow):\n"
        "    @start()\n"
        "    @human_feedback(message='One?')\n"
        "    def one(self):\n"
        "        return 1\n"
        "    @start()\n"
        "    @human_feedback(message='Two?')\n"
        "    def two(self):\n"
        "        return 2\n"
        "flow = Both()"
    )
    cell = kernel.begin("flow.kickoff()").finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert "crewAI stores only one pause" in cell.error[1]
    assert "None" in kernel.run("print(flow.persistence.load_pending_feedback(flow.flow_id))").text


def test_a_flow_that_begins_anew_withdraws_the_question_it_was_stored_with(
    kernel: RunningKernel, client: Client, name: str
) -> None:
    first = pause(kernel, client, name)
    assert first.pause is not None
    kernel.run(f"paused(Letter(), name={name!r}, id={first.pause.flow_id!r})")

    assert wait_until_closed(client, first.request_id).status == "cancelled"
    (second,) = client.pending()
    assert second.pause == first.pause


def test_a_single_step_can_pause(kernel: RunningKernel, client: Client) -> None:
    kernel.run("hitl.enable(durable_flows=[Letter])")
    kernel.run(
        "class Single(Flow):\n"
        "    @start()\n"
        "    @human_feedback(message='Good?', provider=hitl.DurableFeedback())\n"
        "    async def write(self):\n"
        "        return 'x'\n"
        "    @listen(write)\n"
        "    def after(self, review):\n"
        "        return f'after {review.feedback}'\n"
        "assert isinstance(await Single().kickoff_async(), HumanFeedbackPending)"
    )
    (question,) = client.pending()
    client.answer(question.request_id, "Fine")

    assert resumed(kernel, "told(hitl.resume_pending(Single))")[0][1:3] == [
        "finished",
        "after Fine",
    ]


def test_an_interrupt_before_the_question_is_asked_leaves_nothing_behind(
    server: JupyterProcess, kernel: RunningKernel, client: Client, name: str
) -> None:
    kernel.run("hitl.enable(url='http://127.0.0.1:9/', durable_flows=True)")  # nobody listens
    cell = kernel.begin(f"paused(Letter(), name={name!r})")
    cell.wait_for_card()
    kernel.interrupt()
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] == "KeyboardInterrupt"
    assert client.pending() == []


def test_a_script_resumes_what_a_notebook_paused(
    kernel: RunningKernel, client: Client, server: JupyterProcess, name: str, tmp_path: Path
) -> None:
    question = pause(kernel, client, name)
    client.answer(question.request_id, options=["send"])
    script = tmp_path / "resume.py"
    script.write_text(f"{DURABLE}\n{RESUME}\n")
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, **server.env, **address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (result,) = told(done.stdout)
    assert result[:2] == [question.request_id, "finished"]
    assert next(iter(client.pending()), None) is None


def test_a_started_flow_pauses_and_its_record_continues_when_it_is_resumed(
    kernel: RunningKernel, client: Client, name: str
) -> None:
    started = kernel.run(
        f"run = hitl.start(Letter(), inputs={{'name': {name!r}}})\n"
        "print(type(run.result()).__name__, run.state)"
    )
    (question,) = client.pending()
    client.answer(question.request_id, options=["send"])
    resumed(kernel)

    assert "HumanFeedbackPending paused" in started.text
    told = _events_of(client, question.execution_id, until="run_finished")
    life = [kind for kind in told if not kind.startswith("run_task_")]
    assert life == ["run_started", "run_paused", "run_started", "run_finished"]


REPORT = """\
import crewai_hitl_nb.client.async_client as calls
from crewai_hitl_nb.protocol.errors import FilesFull

class Report(Flow):
    @start()
    @human_feedback(message="Publish it?", emit=["yes", "no"], llm="anthropic/none")
    def write(self):
        return [hitl.File.from_bytes("a.pdf", b"1"), hitl.File.from_bytes("b.pdf", b"2")]

    @listen("yes")
    def publish(self, review):
        return f"published: {review.feedback}"

plain_upload = calls.AsyncClient.upload

async def upload(self, request_id, content, **rest):
    if content == b"2":  # as a server whose disk is full
        raise FilesFull("the log has no room", limit=0)
    return await plain_upload(self, request_id, content, **rest)

calls.AsyncClient.upload = upload
"""


def test_a_pause_shows_the_files_of_its_step_and_is_resumed_also_if_one_was_refused(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(REPORT)
    kernel.run("paused(Report())")
    (question,) = (r for r in client.pending() if r.pause is not None)
    (file,) = (b for bundle in question.attachments.values() for b in bundle.values())
    assert client.download(question.request_id, file["sha256"]) == b"1"
    assert "b.pdf could not be attached: the log has no room" in question.context
    client.answer(question.request_id, options=("yes",))
    ((_, status, result, error),) = resumed(kernel, "told(hitl.resume_pending([Report]))")
    kernel.run("calls.AsyncClient.upload = plain_upload")

    assert (status, error) == ("finished", "NoneType")
    assert result.startswith("published")
