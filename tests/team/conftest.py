"""Several servers on one log, each a process of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.cli.command import PATIENCE_SECONDS, Running, clean_env, running
from tests.team.servers import KEY, Start, team


@pytest.fixture
def start(log_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start servers whose leases end early."""
    with team(log_url, tmp_path) as one_more:
        yield one_more


class Server:
    """A running `crewai-hitl serve`.

    Attributes:
        url: Where it serves.
        http: A client with the key.
        process: Its process.
    """

    def __init__(self, process: Running, key: str) -> None:
        self.process = process
        self.said = process.json()
        self.url: str = self.said["url"]
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)


Serve = Callable[..., Server]


@pytest.fixture
def serve(log_url: str, tmp_path: Path) -> Iterator[Serve]:
    """Start a server of the test's log as an operator does; it ends with the test."""
    with ExitStack() as stack:

        def begin(*options: str, url: str = log_url, key: str = KEY, **more: str) -> Server:
            env = clean_env(tmp_path, CREWAI_HITL_API_KEY=key, CREWAI_HITL_STORE=url, **more)
            command = ("serve", "--port", "0", "--json", *options)
            server = Server(stack.enter_context(running(*command, env=env)), key)
            stack.callback(server.http.close)
            return server

        yield begin
