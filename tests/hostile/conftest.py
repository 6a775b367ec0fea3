"""One real Jupyter server for all of these tests, and what is left in it afterwards."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import LIGHT
from tests.probe import PROBED, PROBED_ENV, Seen

PATIENCE_SECONDS = 15.0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server that tells how it is inside."""
    folder = tmp_path_factory.mktemp("hostile")
    server = JupyterProcess(folder, options=(*LIGHT, *PROBED), env=PROBED_ENV)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def http(server: JupyterProcess) -> Iterator[httpx.Client]:
    """A client of the server, with its token."""
    with httpx.Client(
        base_url=server.prefix, headers=server.headers, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


def inside(server: JupyterProcess) -> Seen:
    """Look at the server from inside."""
    return msgspec.json.decode(httpx.get(server.url + "probe", timeout=15).content, type=Seen)
