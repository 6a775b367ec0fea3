"""The team: a database, three servers that share it, a load balancer, and keys for people."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx

import crewai_hitl_nb as hitl
from examples.team.balancer import check_haproxy, load_balancer
from examples.team.database import scratch_database
from examples.team.programs import DemoError, end, interrupts_held, running

REPLICAS = 3
KEYS = {
    "Ana": ("read", "answer"),
    "Ben": ("read", "answer"),
    "crew": ("read", "publish"),
}
"""Who gets a key of their own, and its rights. Answers carry the key's name."""

KEYS_FILE = "keys.json"

_PROGRAM = (sys.executable, "-m", "crewai_hitl_nb.cli")

_QUIET_CREWAI = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}


class Replica:
    """One ``crewai-hitl serve``.

    Attributes:
        name: What the demo calls it.
        url: Its own address, which only the load balancer needs.
    """

    def __init__(self, number: int, env: dict[str, str], scratch: Path) -> None:
        self.name = f"server {number}"
        self._env = env
        self._keys, self._log = scratch / KEYS_FILE, scratch / f"server-{number}.log"
        self._port = "0"
        self.start()

    def start(self) -> None:
        """Start it, at its address from before if it had one.

        Raises:
            DemoError: It does not start.
        """
        options = ("--port", self._port, "--keys-file", self._keys, "--log", "text", "--json")
        with self._log.open("a") as log, interrupts_held():
            self._process = subprocess.Popen(
                [*_PROGRAM, "serve", *options, "--trusted-proxy", "127.0.0.1"],
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C ends the demo, which then ends its servers
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DemoError(f"{self.name} does not start: {self._log.read_text().strip()}")
        self.url = str(json.loads(line)["url"])
        self._port = str(httpx.URL(self.url).port)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether somebody killed it."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as an operator does."""
        end(self._process)

    def websockets(self) -> int:
        """Return how many WebSockets are open here."""
        headers = {"Authorization": f"Bearer {self._env['CREWAI_HITL_API_KEY']}"}
        # A proxy that the environment names does not reach this machine's own addresses.
        reply = httpx.get(f"{self.url}metrics", headers=headers, trust_env=False)
        open_now = r'crewai_hitl_subscribers\{transport="websocket"\} (\d+)'
        found = re.search(open_now, reply.raise_for_status().text)
        return int(found[1]) if found else 0


class Crew:
    """The scripted crew of ``notebooks/report.py``, whose task a person reviews."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self._log = process, log

    @property
    def has_ended(self) -> bool:
        """Whether it has finished, or failed."""
        return self._process.poll() is not None

    def result(self) -> str:
        """Wait until the crew has finished; return what it printed.

        Raises:
            DemoError: It failed.
        """
        printed, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise DemoError(f"the crew failed:\n{self._log.read_text()}")
        return printed


class Team:
    """All that runs.

    Attributes:
        url: The load balancer, which is all that people and crews know.
        replicas: The servers behind it.
        scratch: The folder of the log files.
    """

    def __init__(
        self, url: str, replicas: list[Replica], keys: dict[str, str], scratch: Path
    ) -> None:
        self.url = url
        self.replicas = replicas
        self.scratch = scratch
        self._keys = keys

    def client(self, name: str, url: str | None = None) -> hitl.Client:
        """Return a client with this person's key, of one server or of the load balancer."""
        return hitl.Client(url or self.url, self._keys[name])

    def inbox(self, name: str, host: str) -> str:
        """Return the address of this person's inbox; the page keeps the key in a cookie."""
        return f"{self.url.replace('127.0.0.1', host)}?token={self._keys[name]}"

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Start a crew; end it."""
        env = {"CREWAI_HITL_URL": self.url, "CREWAI_HITL_TOKEN": self._keys["crew"]}
        log = self.scratch / "crew.log"
        with (
            log.open("w") as file,
            running(
                [sys.executable, Path(__file__).parents[2] / "notebooks" / "report.py"],
                env={**_QUIET_CREWAI, **os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            ) as process,
        ):
            yield Crew(process, log)


@contextmanager
def team(scratch: Path, port: int = 0) -> Iterator[Team]:
    """Start everything; end it in reverse order.

    Args:
        scratch: A folder for the keys file and log files.
        port: Where the load balancer listens on 127.0.0.1, if it is free; 0 for any port.

    Raises:
        DemoError: A program is missing, or does not start.
    """
    check_haproxy()
    with ExitStack() as stack:
        env = {**os.environ, "CREWAI_HITL_STORE": stack.enter_context(scratch_database())}
        env |= {"CREWAI_HITL_API_KEY": secrets.token_urlsafe(32)}
        env |= {"JUPYTER_RUNTIME_DIR": str(scratch / "runtime")}  # other scripts must not find it

        def start(number: int) -> Replica:
            replica = Replica(number, env, scratch)
            stack.callback(replica.stop)
            return replica

        with ThreadPoolExecutor() as pool:
            starting = pool.map(start, range(1, REPLICAS + 1))
            made = pool.map(partial(_add_key, scratch / KEYS_FILE), KEYS)
            keys = dict(zip(KEYS, made, strict=True))
            replicas = list(starting)
        url = stack.enter_context(load_balancer([one.url for one in replicas], port))
        yield Team(url, replicas, keys, scratch)


def _add_key(file: Path, name: str) -> str:
    options = [word for right in KEYS[name] for word in ("--right", right)]
    command = [*_PROGRAM, "keys", "add", name, *options, "--file", str(file), "--json"]
    made = subprocess.run(command, stdout=subprocess.PIPE, check=True, start_new_session=True)
    return str(json.loads(made.stdout)["key"])
