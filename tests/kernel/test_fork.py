"""A process forked after `enable()` asks for itself, as its parent would."""

from crewai_hitl_nb.client import Client
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question, pending_questions, wait_until_closed
from tests.kernel.crews import ENABLE
from tests.kernel.plain_script import Start, address_of, start_with
from tests.kernel.running_kernel import RunningKernel

FORKS = """
import multiprocessing, os, threading
from concurrent.futures import ProcessPoolExecutor
fork = multiprocessing.get_context("fork")

def work(name):
    return str(make_crew(name).kickoff())

def enable_and_work(name):
    hitl.enable()
    return work(name)

def in_children(work, *names):
    with ProcessPoolExecutor(len(names), mp_context=fork) as pool:
        return list(pool.map(work, names))

def in_a_bare_fork():
    pid = os.fork()
    if pid == 0:
        print(hitl.ask("In a bare fork?"), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


start = start_with(f"{ENABLE}\n{FORKS}")


def test_children_ask_before_and_after_their_parent_did(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(
        "print(in_children(work, 'One', 'Two'), flush=True)\n"  # before anything else asked
        "work('The parent')\n"  # from here on crewAI and the bridge have threads
        "print(in_children(enable_and_work, 'Three'), flush=True)\n"
        "in_a_bare_fork()",
        **address_of(server),
    )
    questions = pending_questions(client, 2)
    for question in questions:
        client.answer(question.request_id)
    for _ in range(3):
        question = next_question(client)
        questions.append(question)
        client.answer(question.request_id, "yes" if question.kind == "question" else "")
        wait_until_closed(client, question.request_id)
    out, errors = script.communicate(timeout=60)

    assert script.returncode == 0, errors
    assert out.count("No surprises") == 3
    assert out.endswith("yes\n")
    assert len({question.source.id for question in questions}) == 5
    assert len({question.source.pid for question in questions}) == 5
    assert "crewAI asks" in errors


def test_a_child_that_ends_leaves_its_parents_question_open(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(
        "thread = threading.Thread(target=work, args=['The parent'])\n"
        "thread.start()\n"
        "input()\n"  # until it asks
        "print(in_children(work, 'The child'), flush=True)\n"
        "pid = os.fork()\n"
        "if pid == 0: raise SystemExit\n"  # with all that atexit does
        "os.waitpid(pid, 0)\n"
        "print('ended', flush=True)\n"
        "thread.join()",
        **address_of(server),
    )
    of_parent = next_question(client)
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write("\n")
    script.stdin.flush()
    of_child = next(q for q in pending_questions(client, 2) if q.request_id != of_parent.request_id)
    client.answer(of_child.request_id)
    assert "ended\n" in iter(script.stdout.readline, "")

    assert client.request(of_parent.request_id).status == "pending"
    client.answer(of_parent.request_id)
    _, errors = script.communicate(timeout=60)
    assert script.returncode == 0, errors


def test_a_forked_child_of_a_kernel_asks_independently(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(FORKS)
    cell = kernel.begin("print(in_children(work, 'One', 'Two'))")
    questions = pending_questions(client, 2)
    for question in questions:
        client.answer(question.request_id)
    cell.finish()

    assert cell.error is None, cell.error
    assert cell.text.count("No surprises") == 2
    assert len({question.source.id for question in questions}) == 2
    next_cell = kernel.begin("print(make_crew().kickoff())")
    client.answer(next_question(client).request_id)
    assert next_cell.finish().error is None


def test_a_child_waits_for_no_handler_that_runs_in_its_parent(
    start: Start, server: JupyterProcess
) -> None:
    script = start(
        "from crewai.events.base_events import BaseEvent\n"
        "from crewai.events.event_bus import crewai_event_bus as bus\n"
        "class Held(BaseEvent):\n"
        "    type: str = 'held'\n"
        "free = threading.Event()\n"
        "bus.on(Held)(lambda source, event: free.wait())\n"
        "bus.emit(None, Held())\n"
        "child = fork.Process(target=lambda: print(bus.flush(0.1), flush=True))\n"
        "child.start(); child.join()\n"
        "free.set()",
        **address_of(server),
    )
    out, errors = script.communicate(timeout=60)

    assert (script.returncode, out) == (0, "True\n"), errors


def test_a_client_made_before_a_fork_works_on_both_sides(
    start: Start, server: JupyterProcess
) -> None:
    script = start(
        "client = hitl.Client()\n"
        "print(client.health().status, flush=True)\n"
        "child = fork.Process(target=lambda: print(client.health().status, flush=True))\n"
        "child.start(); child.join()\n"
        "print(client.health().status, child.exitcode, flush=True)\n"
        "client.close()",
        **address_of(server),
    )
    out, errors = script.communicate(timeout=60)

    assert (script.returncode, out) == (0, "healthy\nhealthy\nhealthy 0\n"), errors
