"""Starts, stops and kills the servers of a team."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tests.jupyter_process import REPOSITORY
from tests.server.door import PATIENCE_SECONDS, Json, client, question, until

KEY = "the-key-of-the-team"


class Replica:
    """One server, as its callers see it (``tests.server.door.Address``).

    Attributes:
        url: Its address.
        token: The key.
        log: The file that has what it logged.
    """

    def __init__(self, process: "subprocess.Popen[str]", token: str, log: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.token = token
        self.log = log
        self.url = process.stdout.readline().strip()
        assert self.url, log.read_text()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    async def publish(self, *events: Json, token: str | None = None) -> list[Json]:
        """Publish events together and return where they stand."""
        async with client(self) as http:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            reply = await http.post("events", json=list(events), headers=headers)
        assert reply.status_code == 200, reply.text
        placed: list[Json] = reply.json()["events"]
        return placed

    async def ask(self, request_id: str | None = None, **fields: Any) -> str:
        """Publish a question and return its request id."""
        (placed,) = await self.publish(question(request_id, **fields))
        return str(placed["request_id"])

    async def get(self, path: str) -> Json:
        """Return what an endpoint says."""
        async with client(self) as http:
            reply = await http.get(path)
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        return found

    async def events(self, of: str = "") -> list[Json]:
        """Return every event of the log, or those of one type."""
        kept: list[Json] = (await self.get("poll/human-input"))["events"]
        return [event for event in kept if not of or event["type"] == of]

    async def until_status(self, request_id: str, status: str) -> Json:
        """Wait until a request stands so, and return it."""
        return await until(
            lambda: self.get(f"requests/{request_id}"), lambda r: bool(r["status"] == status)
        )


def eventually(good: Callable[[], bool]) -> None:
    """Look again and again until what is seen is good."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not good():
        assert time.monotonic() < deadline


Start: TypeAlias = Callable[..., Replica]
"""Starts one more server; its options replace those of the team, and ``code`` is the folder with
the package that it runs."""


@contextmanager
def team(log_url: str, folder: Path, **common: Any) -> Iterator[Start]:
    """Let a test start servers on one log; what still runs at the end is killed."""
    number = iter(range(100))
    with ExitStack() as running:

        def start(**options: Any) -> Replica:
            code = options.pop("code", REPOSITORY)
            every = {"store": log_url, "api_key": KEY, **common, **options}
            log = folder / f"replica-{next(number)}.log"
            with log.open("w") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.team.replica", json.dumps(every)],
                    cwd=code,
                    env={**os.environ, "JUPYTER_RUNTIME_DIR": str(folder / "runtime")},
                    stdout=subprocess.PIPE,
                    stderr=file,
                    text=True,
                )
            running.callback(_end, process)
            return Replica(process, every["api_key"], log)

        yield start


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.send_signal(signal.SIGCONT)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
