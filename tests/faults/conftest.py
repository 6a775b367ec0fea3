"""A real Jupyter server in a process of its own, and a proxy before it that misbehaves."""

from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.faults.proxy import Proxy
from tests.jupyter_process import JupyterProcess, jupyter_process
from tests.kernel.conftest import LIGHT

BEAT_SECONDS = 0.5
"""The server's heartbeat here, so that eight seconds are one."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server with a quick heartbeat."""
    options = (*LIGHT, f"--HumanInputApp.heartbeat_seconds={BEAT_SECONDS}")
    with jupyter_process(tmp_path_factory.mktemp("faults"), options=options) as server:
        yield server


@pytest.fixture
def proxy(server: JupyterProcess) -> Iterator[Proxy]:
    """What stands before it: passes everything on, until it is told otherwise."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def direct(server: JupyterProcess) -> Iterator[Client]:
    """A client with nothing in between, for what happens meanwhile."""
    with Client(server.prefix, server.token) as client:
        yield client
