"""Two Jupyter servers with one log: their kernels are two callers, and a person is one."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.store.postgres.connections import parse
from tests.jupyter_process import JupyterProcess
from tests.server.door import Json, question
from tests.team.servers import eventually

GRACE_SECONDS = 1.0
SOON = 60.0


class Kernel:
    """A kernel of a server, with the key that the server gives its kernels."""

    def __init__(self, server: JupyterProcess) -> None:
        folder = Path(server.env["JUPYTER_RUNTIME_DIR"])
        (file,) = folder.glob("crewai-hitl-*.json")
        found = json.loads(file.read_bytes())
        headers = {"Authorization": f"Bearer {found['key']}"}
        self.http = httpx.Client(base_url=found["url"], headers=headers, timeout=SOON)

    def ask(self, request_id: str, **fields: Any) -> None:
        reply = self.http.post("events", json=question(request_id, **fields))
        assert reply.status_code == 200, reply.text

    def announced(self) -> set[str]:
        """Return the open requests that this server has told its readers of."""
        with self.http.stream("GET", "events/human-input", params={"replay": "pending"}) as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("data:"))
            found: set[str] = set()
            for data in (json.loads(line.removeprefix("data:")) for line in lines):
                if "request_id" not in data:
                    return found
                found.add(str(data["request_id"]))
        return found

    def status(self, request_id: str) -> str:
        return str(self.http.get(f"requests/{request_id}").json()["status"])


@pytest.fixture(scope="module")
def url(database: Any) -> str:
    """The URL of a log of this module."""
    return str(database.url(schema="log_of_two_jupyter_servers"))


@pytest.fixture(scope="module")
def servers(
    url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[JupyterProcess, JupyterProcess]]:
    """Two servers, each of a user with a home of their own."""
    options = (
        f"--HumanInputApp.store={url}",
        f"--HumanInputApp.presence_grace_seconds={GRACE_SECONDS}",
    )
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            server = JupyterProcess(tmp_path_factory.mktemp(name), options=options)
            server.start()
            stack.callback(server.stop)
            made.append(server)
        yield made[0], made[1]


@pytest.fixture
def kernels(servers: tuple[JupyterProcess, JupyterProcess]) -> Iterator[tuple[Kernel, Kernel]]:
    one, two = (Kernel(server) for server in servers)
    with one.http, two.http:
        yield one, two


def askers(url: str) -> dict[str, str]:
    """Return who counts as the asker of each request."""
    session = parse(url).connect()
    rows = session.execute("SELECT request_id, asked_by FROM log.requests").fetchall()
    session.close()
    return dict(rows)


def test_the_kernels_and_the_tokens_of_two_servers_are_four_callers(
    servers: tuple[JupyterProcess, JupyterProcess], kernels: tuple[Kernel, Kernel], url: str
) -> None:
    for number, (server, kernel) in enumerate(zip(servers, kernels, strict=True)):
        kernel.ask(f"kernel-{number}")
        event = question(f"token-{number}")
        reply = httpx.post(f"{server.prefix}events", json=event, headers=server.headers)
        assert reply.status_code == 200
    callers = askers(url)
    assert len(set(callers.values())) == len(callers) == 4


def test_a_server_that_starts_again_has_the_same_kernels(
    servers: tuple[JupyterProcess, JupyterProcess], url: str
) -> None:
    before = Kernel(servers[0])
    before.ask("before")
    servers[0].stop()
    servers[0].start()
    after = Kernel(servers[0])
    after.ask("after")
    callers = askers(url)
    assert callers["before"] == callers["after"]


def test_only_the_asking_server_s_kernel_answers_at_its_console(
    kernels: tuple[Kernel, Kernel],
) -> None:
    one, two = kernels
    one.ask("console")
    eventually(lambda: "console" in two.announced())
    answer: Json = {"human_feedback": "Yes", "via": "console"}
    refused = two.http.post("requests/console/answer", json=answer)
    assert (refused.status_code, refused.json().get("field")) == (422, "via")
    assert one.http.post("requests/console/answer", json=answer).status_code == 200


def test_a_kernel_of_one_server_does_not_keep_the_question_of_another_one_s_open(
    kernels: tuple[Kernel, Kernel],
) -> None:
    one, two = kernels
    with two.http.stream("GET", "events/human-input", params={"source": "the-same-name"}) as held:
        assert held.status_code == 200
        one.ask("lost", source={"id": "the-same-name"})
        two.ask("kept", source={"id": "the-same-name"})
        ended = one.http.get(
            "poll/human-input",
            params={"type": "human_input_cancelled", "timeout": SOON, "replay": "all"},
        ).json()["events"]
        assert [event["request_id"] for event in ended] == ["lost"]
        assert two.status("kept") == "pending"
