"""One server for all tests of the command line: itself ``crewai-hitl serve``, with a key."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.ids import new_event_id
from tests.cli.command import Commands, clean_env, running
from tests.events import required

KEY = "a-key-for-tests"

Asks = Callable[..., str]
"""Publishes a question and returns its request id."""


@pytest.fixture(scope="package")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="package")
def url(scratch: Path) -> Iterator[str]:
    """Serve as long as these tests run; yields the URL."""
    env = clean_env(scratch, CREWAI_HITL_API_KEY=KEY)
    with running("serve", "--host", "127.0.0.1", "--port", "0", "--json", env=env) as server:
        yield server.json()["url"]
        assert server.end() == 0


@pytest.fixture(scope="package")
def client(url: str) -> Iterator[Client]:
    with Client(url, KEY) as client:
        yield client


@pytest.fixture
def env(url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who named the server."""
    return clean_env(tmp_path, CREWAI_HITL_URL=url, CREWAI_HITL_TOKEN=KEY)


@pytest.fixture
def cli(env: dict[str, str]) -> Commands:
    return Commands(env)


@pytest.fixture
def ask(client: Client) -> Iterator[Asks]:
    """Publish questions, each in an execution of its own unless it says so; withdraw the rest."""
    asked: list[str] = []

    def publish(request_id: str | None = None, **fields: Any) -> str:
        made = request_id or f"q-{new_event_id()}"
        client.publish(required(made, **{"execution_id": f"run-{made}", **fields}))
        asked.append(made)
        return made

    yield publish
    for request_id in asked:
        if client.request(request_id).status == "pending":
            client.cancel(request_id)
