"""The real parts of these tests: a Jupyter server, kernels of it, and a client.

`server` and `kernel` are shared, because importing crewAI takes a kernel several seconds;
a test that kills one takes its own.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client, Request
from crewai_hitl_nb.protocol.errors import Settled
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.jupyter_process import JupyterProcess, jupyter_process
from tests.kernel.crews import ENABLE
from tests.kernel.running_kernel import RunningKernel, running_kernel

Background: TypeAlias = Callable[..., "Future[Any]"]

PROMISED_SECONDS = 10.0
"""Within these a lost process's questions are cancelled. The grace is all that the server waits
of them; what a busy machine adds is recorded, not asserted."""

LIGHT = tuple(
    f"--ServerApp.jpserver_extensions={name}=False"
    for name in ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp")
)
"""No page is opened here: without these the server starts in half the time."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server with the extension."""
    with jupyter_process(tmp_path_factory.mktemp("jupyter"), options=LIGHT) as server:
        yield server


@pytest.fixture(scope="session")
def shared_kernel(server: JupyterProcess) -> Iterator[RunningKernel]:
    """A kernel in which crewAI is imported and the bridge is on."""
    with running_kernel(server) as kernel:
        kernel.run(ENABLE)
        yield kernel


@pytest.fixture
def client(server: JupyterProcess) -> Iterator[Client]:
    """The public client, as the server's user; leaves nothing pending behind."""
    with Client(server.prefix, server.token) as client:
        yield client
        for request in client.pending():
            with suppress(Settled):  # whoever asked it has taken it back meanwhile
                client.cancel(request.request_id)


@pytest.fixture
def kernel(shared_kernel: RunningKernel, client: Client) -> RunningKernel:
    """The shared kernel, with the bridge on; the client's end leaves it idle."""
    shared_kernel.run(ENABLE)
    return shared_kernel


@pytest.fixture
def terms() -> dict[str, Any]:
    """The arguments of `enable()` about time; a test file may have a fixture of its own."""
    return {}


@pytest.fixture
def bridge(
    server: JupyterProcess,
    terms: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """The bridge of the test's own process, for crews that run in it."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    hitl.enable(server.prefix, server.token, **terms)
    yield
    hitl.disable()


@pytest.fixture
def background(client: Client) -> Iterator[Background]:
    """Begin calls on a thread beside the test; one that still asks ends by the client's end."""
    pool = ThreadPoolExecutor()
    yield pool.submit
    pool.shutdown(wait=False)


def next_question(client: Client) -> HumanInputRequired:
    """Wait for a pending question."""
    (question,) = pending_questions(client, 1)
    return question


def pending_questions(client: Client, count: int) -> list[HumanInputRequired]:
    """Wait until this many questions are pending, and return them in order."""
    events = client.events(types=["human_input_required"], replay="pending")
    return list(islice((e for e in events if isinstance(e, HumanInputRequired)), count))


def questions_since(client: Client, mark: int) -> Iterator[HumanInputRequired]:
    """Yield the questions after a place in the log, those that have ended already as well.

    For questions that may end by themselves before anybody looks.
    """
    for event in client.events(types=["human_input_required"], replay="all"):
        if isinstance(event, HumanInputRequired) and (event.offset or 0) > mark:
            yield event


def top_of_the_log(client: Client) -> int:
    """Return the place where the log ends now."""
    (receipt,) = client.publish({"type": "mark"})
    assert receipt.offset is not None
    return receipt.offset


def wait_until_closed(client: Client, request_id: str) -> Request:
    """Wait until a request is closed, and return it."""
    closing = ["human_input_completed", "human_input_cancelled", "human_input_expired"]
    events = client.events(types=closing, replay="all")
    for event in events:
        if getattr(event, "request_id", None) == request_id:
            break
    return client.request(request_id)
