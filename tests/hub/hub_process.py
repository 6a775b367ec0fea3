"""A real JupyterHub in a process of its own: its proxy before it, one server per person.

People log in with a name alone, servers run as the present user, each with a home in a scratch
folder. The hub's configuration is a scaffold of what only tests need (ports, folders, a door
for the tests) around what the page for operators says, word for word. It knows nothing of the
extension except the path of its endpoints.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.jupyter_process import QUIET_CREWAI, REPOSITORY, free_port

PROXY = REPOSITORY / "tests/hub/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LIFECYCLE_TOKEN = "a-token-that-starts-and-stops-servers"

_SCAFFOLD = """\
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{public}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}/"
c.JupyterHub.db_url = "sqlite:///{scratch}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{scratch}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "lifecycle", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{
        "name": "lifecycle",
        "scopes": ["admin:users", "admin:servers", "admin:groups", "tokens", "read:hub"],
        "services": ["lifecycle"],
    }},
]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = "{token}"
c.ConfigurableHTTPProxy.command = ["node", "{proxy}"]
c.ConfigurableHTTPProxy.pid_file = "{scratch}/proxy.pid"
c.SimpleLocalProcessSpawner.home_dir_template = "{scratch}/home/{{username}}"
c.Spawner.args = ["--allow-root"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.environment = {environment}
"""


@dataclass(frozen=True)
class Place:
    """One server behind the hub, and a token that may use it and no other.

    Attributes:
        server_url: The server.
        url: The endpoints on it.
        token: The token.
        home: The home folder that the server runs in.
    """

    server_url: str
    token: str
    home: Path

    @property
    def url(self) -> str:
        return self.server_url + "crewai-hitl/"

    @property
    def headers(self) -> dict[str, str]:
        """The credentials for a call."""
        return {"Authorization": f"token {self.token}"}


class HubProcess:
    """One hub with everything it starts.

    Args:
        scratch: Where the hub, its people and their servers keep everything.
        config: What follows the scaffold in `jupyterhub_config.py`.
        server_config: The servers' `jupyter_server_config.py`.
        env: Of the hub's process, beside the present one.
    """

    def __init__(
        self,
        scratch: Path,
        *,
        config: str = "",
        server_config: str = "",
        env: dict[str, str] | None = None,
    ) -> None:
        self._scratch = scratch
        self._env = env or {}
        self._ports = {name: free_port() for name in ("public", "hub", "api")}
        self.url = f"http://127.0.0.1:{self._ports['public']}/"
        self.log = scratch / "hub.log"
        self._config = scratch / "jupyterhub_config.py"
        self._config.write_text(self._scaffold() + config)
        (scratch / "etc").mkdir()
        (scratch / "etc" / "jupyter_server_config.py").write_text(server_config)
        self._process: subprocess.Popen[bytes] | None = None
        headers = {"Authorization": f"token {LIFECYCLE_TOKEN}"}
        self.api = httpx.Client(base_url=f"{self.url}hub/api/", headers=headers, timeout=60)

    def _scaffold(self) -> str:
        return _SCAFFOLD.format(
            **self._ports,
            scratch=self._scratch,
            token=LIFECYCLE_TOKEN,
            proxy=PROXY,
            python=sys.executable,
            environment={
                **QUIET_CREWAI,
                "PYTHONPATH": str(REPOSITORY / "notebooks"),
                "JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS": "no",
                "JUPYTER_CONFIG_PATH": str(self._scratch / "etc"),
                "JUPYTERHUB_SINGLEUSER_APP": "jupyter-server",  # without JupyterLab's own start
            },
        )

    def start(self) -> None:
        """Start the hub and return when it answers through its proxy."""
        assert PROXY.exists(), "the hub's proxy is not installed: `make test-python` does it"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(self._config)],
                cwd=self._scratch,
                env=self._clean_env() | self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._await("the hub does not start", self._answers)

    def _clean_env(self) -> dict[str, str]:
        ours = ("JUPYTER", "JPY", "CREWAI_HITL")
        return {name: value for name, value in os.environ.items() if not name.startswith(ours)}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.api.get("").status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """End the hub in good order, and whatever it leaves behind."""
        self.api.close()
        if self._process is None:
            return
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let the hub, and only it, take calls and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def add_person(self, name: str) -> None:
        """Make somebody known to the hub."""
        reply = self.api.post(f"users/{name}")
        assert reply.status_code in (HTTPStatus.CREATED, HTTPStatus.CONFLICT), reply.text

    def token(self, name: str, *scopes: str) -> str:
        """Return a new API token of a person with these scopes."""
        reply = self.api.post(f"users/{name}/tokens", json={"scopes": list(scopes)})
        assert reply.status_code == HTTPStatus.CREATED, reply.text
        return str(reply.json()["token"])

    def start_server(self, name: str, server: str = "") -> Place:
        """Start a person's server; return it when its log is open."""
        self.add_person(name)
        self.api.post(f"users/{name}/servers/{server}").raise_for_status()
        with self.api.stream("GET", f"users/{name}/servers/{server}/progress") as progress:
            said = [json.loads(line[5:]) for line in progress.iter_lines() if line[:5] == "data:"]
        assert said[-1].get("ready"), f"{said}\n{self.log.read_text()}"
        place = self.place(name, server)
        self._await("the log does not open", lambda: _is_healthy(place))
        return place

    def place(self, name: str, server: str = "") -> Place:
        """Return a server's endpoints with a token that may use just this server."""
        url = f"{self.url}user/{name}/{f'{server}/' if server else ''}"
        token = self.token(name, f"access:servers!server={name}/{server}")
        return Place(url, token, self._scratch / "home" / name)

    def stop_server(self, name: str, server: str = "") -> None:
        """Stop a person's server by the very call that the idle culler makes."""
        self.api.delete(f"users/{name}/servers/{server}").raise_for_status()
        self._await("the server does not stop", lambda: server not in self.servers(name))

    def servers(self, name: str) -> dict[str, Any]:
        """Return what the hub says of a person's servers."""
        servers: dict[str, Any] = self.api.get(f"users/{name}").raise_for_status().json()["servers"]
        return servers

    def proxy_activity(self, path: str) -> str:
        """Return when the proxy last saw something pass to this path."""
        headers = {"Authorization": f"token {LIFECYCLE_TOKEN}"}
        routes = httpx.get(f"http://127.0.0.1:{self._ports['api']}/api/routes", headers=headers)
        return str(routes.raise_for_status().json()[path]["last_activity"])

    def _await(self, otherwise: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise}\n{self.log.read_text()}"
            time.sleep(0.05)


def _is_healthy(place: Place) -> bool:
    health = httpx.get(place.url + "health", timeout=START_SECONDS)
    return health.status_code == HTTPStatus.OK


@contextlib.contextmanager
def hub_process(scratch: Path, **options: Any) -> Iterator[HubProcess]:
    """Run a hub for the length of a `with` block."""
    hub = HubProcess(scratch, **options)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
