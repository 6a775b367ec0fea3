"""A running standalone server, and its documents as it serves them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from crewai_hitl_nb.server.standalone import HumanInputServer

collect_ignore = [] if sys.version_info >= (3, 11) else ["test_schemathesis.py"]
"""schemathesis needs Python 3.11; the server is the same on 3.10."""

KEY = "the-api-key"
Json: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HumanInputServer]:
    """Return a server with an API key and a log in memory, one for a module."""
    runtime = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(Path(runtime)))
        with HumanInputServer(port=0, api_key=KEY, heartbeat=0.5) as running:
            yield running


@pytest.fixture(scope="module")
def http(server: HumanInputServer) -> Iterator[httpx.Client]:
    """Return a client of the server, with the key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def openapi(http: httpx.Client) -> Json:
    """Return openapi.json."""
    return got(http, "openapi.json")


@pytest.fixture(scope="module")
def asyncapi(http: httpx.Client) -> Json:
    """Return asyncapi.json."""
    return got(http, "asyncapi.json")


def got(http: httpx.Client, path: str) -> Json:
    reply = http.get(path)
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "application/json"
    found: Json = reply.json()
    return found
