"""A running standalone server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.server.standalone import HumanInputServer

KEY = "the-api-key"


@pytest.fixture(autouse=True)
def runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what the server puts out for scripts inside of the test's folder."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


@pytest.fixture
def server() -> Iterator[HumanInputServer]:
    """Return a server with an API key and a log in memory."""
    with HumanInputServer(port=0, api_key=KEY) as running:
        yield running


@pytest.fixture
def http(server: HumanInputServer) -> Iterator[httpx.Client]:
    """Return a client of the server, with the key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client
