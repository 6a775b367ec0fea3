"""One real Jupyter server for all of these tests, and what is left in it afterwards."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
import pytest

from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import LIGHT
from tests.probe import PROBED, PROBED_ENV, Seen

PATIENCE_SECONDS = 15.0
FEW_FILES = 10
"""What a server opens when it is first needed, such as the store's readers; never one a call."""
MOST_MEGABYTES = 64
"""What one of these tests may leave the server larger by: Python keeps what it once had."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server that tells how it is inside."""
    folder = tmp_path_factory.mktemp("hostile")
    options = (*LIGHT, *PROBED, "--HumanInputApp.heartbeat_seconds=0.5")
    server = JupyterProcess(folder, options=options, env=PROBED_ENV)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def http(server: JupyterProcess) -> Iterator[httpx.Client]:
    """A client of the server, with its token."""
    with httpx.Client(
        base_url=server.prefix, headers=server.headers, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


@pytest.fixture(scope="function" if "SOAK" in os.environ else "module")
def unharmed(server: JupyterProcess, http: httpx.Client) -> Iterator[None]:
    """Look at the server before and after a module's tests; `make soak`: each of them."""
    with stays_as_it_was(server, http):
        yield


def inside(server: JupyterProcess) -> Seen:
    """Look at the server from inside."""
    return msgspec.json.decode(httpx.get(server.url + "probe", timeout=15).content, type=Seen)


@contextmanager
def stays_as_it_was(server: JupyterProcess, http: httpx.Client) -> Iterator[None]:
    """Hold the server to what it was before a block: alive, no larger, nothing left running."""
    before, written = inside(server), len(server.log.read_text())
    yield
    assert http.get("health").json()["status"] == "healthy"
    after = settled(server, before)
    assert after.tasks <= before.tasks + 1
    assert after.files <= before.files + FEW_FILES
    assert after.rss - before.rss < MOST_MEGABYTES << 20
    assert "Traceback" not in server.log.read_text()[written:]


def settled(server: JupyterProcess, before: Seen) -> Seen:
    """Look at the server until what was left has gone; return the last look."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = inside(server)
        gone = seen.files <= before.files + FEW_FILES and seen.tasks <= before.tasks + 1
        if gone or time.monotonic() > deadline:
            return seen
