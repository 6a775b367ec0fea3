"""A real Jupyter server in a process of its own, with all its data in a scratch folder.

The tests that need the whole (packaging, notebooks, browser) start it, kill it and start it
again on the same port. It knows nothing of the extension except the path of its endpoints.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx

TOKEN = "a-token-for-tests"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
SERVER_PORTS = (10_000, 32_000)
REPOSITORY = Path(__file__).parent.parent

QUIET_CREWAI = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}


def free_port() -> int:
    """Return a port that was free a moment ago.

    Not one that the system hands out: while a server is down between two starts, any other
    test's outgoing connection could take such a one.
    """
    while True:
        port = random.SystemRandom().randrange(*SERVER_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a server binds it
            probe.bind(("127.0.0.1", port))
            return port


def scratch_env(scratch: Path) -> dict[str, str]:
    """Return an environment in which Jupyter and crewAI write nothing outside of `scratch`."""
    names = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    folders = {name: str(scratch / name.lower()) for name in (*names, "CREWAI_STORAGE_DIR")}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "CREWAI", "JPY"))}
    return {
        **kept,
        **QUIET_CREWAI,
        **folders,
        "JUPYTER_TOKEN": TOKEN,
        "JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS": "no",
        "PYTHONPATH": str(REPOSITORY / "notebooks"),
    }


class JupyterProcess:
    """One Jupyter server that can end and begin again, at the same address with the same data."""

    token = TOKEN

    def __init__(
        self,
        scratch: Path,
        *,
        app: str = "jupyter_server",
        options: tuple[str, ...] = (),
        python: str = sys.executable,
        env: dict[str, str] | None = None,
    ) -> None:
        self.root = scratch / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.env = scratch_env(scratch) | (env or {})
        self.log = scratch / "server.log"
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._command = [
            *(python, "-m", app, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.root_dir={self.root}", *options),
        ]

    @property
    def prefix(self) -> str:
        """The URL under which the extension's endpoints stand."""
        return self.url + "crewai-hitl/"

    @property
    def headers(self) -> dict[str, str]:
        """The credentials for a call."""
        return {"Authorization": f"token {self.token}"}

    @property
    def pid(self) -> int:
        """The id of the running server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and return when its endpoints answer."""
        process = subprocess.Popen(
            self._command,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        ready = threading.Event()
        self._process = process
        self._reader = threading.Thread(target=self._read, args=(process, ready), daemon=True)
        self._reader.start()
        listening = ready.wait(START_SECONDS)
        if not listening or process.poll() is not None:
            self.kill()
            raise AssertionError(f"the Jupyter server did not start:\n{self.log.read_text()}")
        try:
            self._await_log()
        except (httpx.HTTPError, AssertionError) as error:
            self.kill()
            raise AssertionError(f"it runs but says {error!r}:\n{self.log.read_text()}") from error

    def _await_log(self) -> None:
        """Wait until the extension's log is open: a moment after the server listens.

        Jupyter says that it is running before it binds its port: its loop does that when it
        begins. On a busy machine the first reply takes longer than the five seconds of httpx.
        """
        deadline = time.monotonic() + START_SECONDS
        while self._health() != HTTPStatus.OK:
            assert self._process is not None
            assert self._process.poll() is None, "it has ended"
            assert time.monotonic() < deadline, "it does not open its log"
            time.sleep(0.05)

    def _health(self) -> int | None:
        with contextlib.suppress(httpx.ConnectError):
            return httpx.get(self.prefix + "health", timeout=START_SECONDS).status_code
        return None

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        with self.log.open("a") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if "is running at:" in line:
                    ready.set()
        ready.set()  # ended: whoever waits looks at the exit code

    def kill(self) -> None:
        """End the server as a power cut would: no shutdown, no goodbye, kernels left behind."""
        if self._process is not None:
            self._process.kill()
            self._collect()

    def stop(self) -> None:
        """End the server in good order, its kernels with it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._collect()

    def _collect(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.wait()
        self._reader.join(1)  # a kernel left behind may hold the pipe open
        self._process = None


@contextlib.contextmanager
def jupyter_process(
    scratch: Path, *, app: str = "jupyter_server", options: tuple[str, ...] = ()
) -> Iterator[JupyterProcess]:
    """Run a Jupyter server for the length of a `with` block."""
    server = JupyterProcess(scratch, app=app, options=options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
