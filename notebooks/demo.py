"""The demo: the quickstart notebook in JupyterLab, or without a browser.

``make demo`` opens JupyterLab on ``quickstart.ipynb``. ``make demo HEADLESS=1`` starts a real
Jupyter server in a scratch folder, runs the notebook's cells in a real kernel of that server,
answers the crew through the public API and prints what happens; it ends with 0 only if the crew
was answered and every cell succeeded. This file uses what any script may use: the Jupyter
server's REST API and ``crewai_hitl_nb.Client``. It knows nothing of the extension's inside.
"""

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

import crewai_hitl_nb as hitl
from crewai_hitl_nb.protocol.events import HumanInputRequired

NOTEBOOK = Path(__file__).with_name("quickstart.ipynb")
ANSWERS = ["Shorter, and start with the cost.", ""]  # one piece of feedback, then accept
LIMIT_SECONDS = 180.0

QUIET_CREWAI = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}


class DemoError(Exception):
    """The demo did not come to its good end; the message says why."""


class Steps:
    """Print steps with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one step; further lines are indented below it."""
        head, *more = text.rstrip().splitlines() or [""]
        print(f"[{time.monotonic() - self._began:6.1f} s] {head}", flush=True)
        for line in more:
            print(f"             {line}", flush=True)

    def left(self) -> float:
        """Return the seconds that remain.

        Raises:
            DemoError: none remain.
        """
        left = LIMIT_SECONDS - (time.monotonic() - self._began)
        if left <= 0:
            raise DemoError(f"no good end within {LIMIT_SECONDS:.0f} s")
        return left


@dataclass(frozen=True)
class Server:
    """A running Jupyter server: where it is and the token that opens it."""

    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The credentials for a call."""
        return {"Authorization": f"token {self.token}"}


def open_lab() -> None:
    """Replace this process by JupyterLab on the notebook."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={NOTEBOOK.parent}"]
    command += [*_allow_root(), str(NOTEBOOK)]
    os.execve(sys.executable, command, {**QUIET_CREWAI, **os.environ})


def run_headless(steps: Steps) -> None:
    """Run the notebook's crew on a real server and answer it.

    Raises:
        DemoError: a cell failed, nothing was answered, or it took too long.
    """
    with (
        tempfile.TemporaryDirectory(prefix="crewai-hitl-demo-") as scratch,
        jupyter_server(Path(scratch), steps) as server,
        notebook_kernel(server) as kernel,
    ):
        threading.Thread(target=answer_questions, args=(server, steps), daemon=True).start()
        run_cells(kernel, steps)
        with hitl.Client(server.url + "crewai-hitl/", server.token) as client:
            answered = client.requests(status="answered")
        if len(answered) != len(ANSWERS):
            raise DemoError(f"{len(answered)} questions were answered, not {len(ANSWERS)}")
    steps.say("Done: the crew asked, was answered, and went on.")


@contextlib.contextmanager
def jupyter_server(scratch: Path, steps: Steps) -> Iterator[Server]:
    """Run a Jupyter server on a free port with all its data in a scratch folder."""
    token = secrets.token_hex(16)
    folders = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    env = {**QUIET_CREWAI, **os.environ, "JUPYTER_TOKEN": token}
    env |= {name: str(scratch / name.lower()) for name in (*folders, "CREWAI_STORAGE_DIR")}
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--ip=127.0.0.1"]
    command += ["--port=0", f"--ServerApp.root_dir={NOTEBOOK.parent}", *_allow_root()]
    log = scratch / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=env, stdout=sink, stderr=sink)
    try:
        url = _await_url(process, scratch / "jupyter_runtime_dir", steps, log)
        steps.say(f"A Jupyter server runs at {url}")
        yield Server(url, token)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_url(process: subprocess.Popen[bytes], runtime: Path, steps: Steps, log: Path) -> str:
    """Wait until the server has written down where it listens, and listens there."""
    while steps.left():
        if process.poll() is not None:
            raise DemoError(f"the Jupyter server ended:\n{log.read_text()}")
        with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
            url = str(json.loads((runtime / f"jpserver-{process.pid}.json").read_text())["url"])
            httpx.get(url + "crewai-hitl/health").raise_for_status()
            return url
        time.sleep(0.1)
    raise AssertionError("left() raises first")


def _allow_root() -> list[str]:
    return ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


@contextlib.contextmanager
def notebook_kernel(server: Server) -> Iterator[ClientConnection]:
    """Open the notebook's session, as JupyterLab does, and connect to its kernel."""
    body = {"path": NOTEBOOK.name, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    reply = httpx.post(
        server.url + "api/sessions", json=body, headers=server.headers, timeout=60
    ).raise_for_status()
    channels = f"{server.url}api/kernels/{reply.json()['kernel']['id']}/channels"
    with connect(
        channels.replace("http", "ws", 1), additional_headers=server.headers, max_size=None
    ) as kernel:
        yield kernel


def run_cells(kernel: ClientConnection, steps: Steps) -> None:
    """Run the code cells one after the other and print what they print."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for number, source in enumerate(sources, start=1):
        steps.say(f"Cell {number} runs: {source.splitlines()[0]}")
        printed = run_code(kernel, source, steps)
        if printed.strip():
            steps.say(f"Cell {number} printed:\n{printed}")


def run_code(kernel: ClientConnection, code: str, steps: Steps) -> str:
    """Run code in the kernel and return its standard output.

    Raises:
        DemoError: the code raised.
    """
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    sent = _message("execute_request", content)
    kernel.send(json.dumps(sent))
    printed = ""
    while True:
        try:
            reply: dict[str, Any] = json.loads(kernel.recv(timeout=steps.left()))
        except TimeoutError:
            continue  # steps.left() raises
        if reply.get("parent_header", {}).get("msg_id") != sent["header"]["msg_id"]:
            continue
        match reply["msg_type"], reply["content"]:
            case "stream", {"name": "stdout", "text": text}:
                printed += text
            case "error", {"ename": name, "evalue": value}:
                raise DemoError(f"the cell raised {name}: {value}")
            case "status", {"execution_state": "idle"}:
                return printed


def _message(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return a request of the Jupyter messaging protocol for the shell channel."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "version": "5.3"}
    header |= {"session": uuid.uuid4().hex, "username": "demo", "date": ""}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    return {**message, "channel": "shell", "buffers": []}


def answer_questions(server: Server, steps: Steps) -> None:
    """Answer each question as it comes, with the answers in turn."""
    with hitl.Client(server.url + "crewai-hitl/", server.token) as client:
        for event, text in zip(_questions(client), ANSWERS, strict=False):
            steps.say(f"The crew asks, round {event.round}: {event.prompt}\n{event.context}")
            client.answer(event.request_id, text)
            steps.say(f"Answered: {text or 'accepted'}")


def _questions(client: hitl.Client) -> Iterator[HumanInputRequired]:
    for event in client.events(types=["human_input_required"]):
        if isinstance(event, HumanInputRequired):
            yield event


def main() -> int:
    """Run the demo and return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--headless", action="store_true", help="no browser; answers by the API")
    if not parser.parse_args().headless:
        open_lab()
    steps = Steps()
    try:
        run_headless(steps)
    except DemoError as error:
        steps.say(f"Failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
