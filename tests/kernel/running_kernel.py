"""A real kernel of a real Jupyter server, driven as a front end would drive it.

Started and interrupted through the server's REST API, so that it gets what the server
hands to kernels; its messages are read from the kernel itself.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
from jupyter_client.blocking.client import BlockingKernelClient

CELL_SECONDS = 60.0


class Host(Protocol):
    """The Jupyter server whose kernel it is, beside this process or behind a hub."""

    @property
    def url(self) -> str:
        """Where."""
        ...

    @property
    def headers(self) -> dict[str, str]:
        """As whom."""
        ...

    @property
    def env(self) -> dict[str, str]:
        """What its process was started with."""
        ...


class Cell:
    """One running cell and what came out of it so far."""

    def __init__(self, kernel: "RunningKernel", message_id: str) -> None:
        self._kernel = kernel
        self.message_id = message_id
        self.outputs: list[dict[str, Any]] = []
        self.is_over = False

    def take(self, message: dict[str, Any]) -> None:
        """Keep an output; called by the kernel for messages whose parent this cell is."""
        if message["msg_type"] == "status":
            self.is_over = message["content"]["execution_state"] == "idle"
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            self.outputs.append({"output_type": message["msg_type"], **message["content"]})
        if message["msg_type"] == "update_display_data":
            for output in self.outputs:
                if output.get("transient") == message["content"]["transient"]:
                    output["data"] = message["content"]["data"]

    @property
    def text(self) -> str:
        """What it printed."""
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream")

    @property
    def error(self) -> tuple[str, str] | None:
        """Name and text of the error it ended with."""
        errors = [o for o in self.outputs if o["output_type"] == "error"]
        return (errors[-1]["ename"], errors[-1]["evalue"]) if errors else None

    def cards(self) -> list[dict[str, Any]]:
        """The cards' MIME bundles that were displayed under it."""
        bundles = [o["data"] for o in self.outputs if o["output_type"] == "display_data"]
        return [b for b in bundles if "application/vnd.crewai-hitl.request+json" in b]

    def finish(self, seconds: float = CELL_SECONDS) -> "Cell":
        """Wait until the cell has ended; that may have been read with what another waited for."""
        if not self.is_over:
            self._kernel.read_until(lambda _: self.is_over, seconds)
        return self

    def wait_for_card(self, seconds: float = CELL_SECONDS) -> dict[str, Any]:
        """Wait until the next card is displayed under it, and return its payload."""
        seen = len(self.cards())
        self._kernel.read_until(lambda _: len(self.cards()) > seen, seconds)
        return dict(self.cards()[-1]["application/vnd.crewai-hitl.request+json"])


class RunningKernel:
    """One kernel."""

    def __init__(self, server: Host, kernel_id: str) -> None:
        self._server = server
        self.kernel_id = kernel_id
        runtime = Path(server.env["JUPYTER_RUNTIME_DIR"])
        self._client = BlockingKernelClient()
        self._client.load_connection_file(str(runtime / f"kernel-{kernel_id}.json"))
        self._client.start_channels()
        self._wait_until_ready()
        self._cells: dict[str, Cell] = {}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + CELL_SECONDS
        while time.monotonic() < deadline:
            # "died" only says that its heartbeat was not up yet when it was first asked
            with suppress(RuntimeError):
                self._client.wait_for_ready(timeout=CELL_SECONDS)
                return
        raise AssertionError(f"kernel {self.kernel_id} does not come up")

    def begin(self, code: str, cell_id: str | None = None) -> Cell:
        """Start a cell and return at once; JupyterLab names the cell's id as well."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        # ipykernel 6 may still drop a cell that arrives just after another one has failed.
        content["stop_on_error"] = False
        metadata = {} if cell_id is None else {"cellId": cell_id}
        request = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.shell_channel.send(request)
        message_id = str(request["header"]["msg_id"])
        cell = self._cells[message_id] = Cell(self, message_id)
        return cell

    def run(self, code: str) -> Cell:
        """Run a cell to its end, which must be a good one."""
        cell = self.begin(code).finish()
        assert cell.error is None, cell.error
        return cell

    def interrupt(self) -> None:
        """Press the stop button."""
        self._post("interrupt")

    def restart(self) -> None:
        """Choose "Restart kernel"; return when it is back, and nothing of it is left."""
        self._post("restart")
        self.wait_until_back()

    def wait_until_back(self) -> None:
        """Wait until the server has started it again after it died."""
        self._wait_until_ready()

    def tell_widget(self, model_id: str, content: dict[str, Any]) -> None:
        """Send a custom message to a widget, as its view in a browser does."""
        session, channel = self._client.session, self._client.shell_channel
        data = {"method": "custom", "content": content}
        channel.send(session.msg("comm_msg", {"comm_id": model_id, "data": data}))

    def hear_widget(self, model_id: str, seconds: float = CELL_SECONDS) -> dict[str, Any]:
        """Wait for a custom message of a widget, and return its content."""
        heard: list[dict[str, Any]] = []

        def is_custom(message: dict[str, Any]) -> bool:
            content = message["content"]
            custom = content.get("comm_id") == model_id and content["data"]["method"] == "custom"
            if custom:
                heard.append(content["data"]["content"])
            return bool(custom)

        self.read_until(is_custom, seconds)
        return heard[0]

    def ask_the_debugger(self) -> list[str]:
        """Send a message that the kernel handles beside a running cell, as a page does.

        Returns the states that the kernel reports until it is done, and the next one if a cell
        runs.
        """
        command = {"seq": 1, "type": "request", "command": "debugInfo"}
        request = self._client.session.msg("debug_request", command)
        self._client.control_channel.send(request)
        states: list[str] = []

        def is_last(message: dict[str, Any]) -> bool:
            if message["msg_type"] != "status":
                return False
            state = str(message["content"]["execution_state"])
            is_own = message["parent_header"].get("msg_id") == request["header"]["msg_id"]
            states.append(state if is_own else f"{state} with the cell")
            return not is_own or (state == "idle" and all(c.is_over for c in self._cells.values()))

        self.read_until(is_last, CELL_SECONDS)
        return states

    def read_until(self, found: Any, seconds: float) -> None:
        """Read messages until one of them is the one."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.01, deadline - time.monotonic())
            message = self._client.get_iopub_msg(timeout=left)
            parent = message["parent_header"].get("msg_id")
            if parent in self._cells:
                self._cells[parent].take(message)
            if found(message):
                return

    def pid(self) -> int:
        """The kernel's process."""
        return int(self.run("import os; print(os.getpid())").text)

    def close(self) -> None:
        """Close the channels; the kernel goes with the server, or by `shut_down`."""
        self._client.stop_channels()

    def shut_down(self) -> None:
        """End the kernel through the server."""
        self.close()
        httpx.delete(
            f"{self._server.url}api/kernels/{self.kernel_id}",
            headers=self._server.headers,
            timeout=30,
        )

    def _post(self, action: str) -> None:
        url = f"{self._server.url}api/kernels/{self.kernel_id}/{action}"
        httpx.post(url, headers=self._server.headers, timeout=30).raise_for_status()


def start_kernel(server: Host, name: str = "python3") -> RunningKernel:
    """Start a kernel; whoever does ends it."""
    reply = httpx.post(
        f"{server.url}api/kernels",
        headers=server.headers,
        content=json.dumps({"name": name}),
        timeout=60,
    )
    reply.raise_for_status()
    return RunningKernel(server, reply.json()["id"])


@contextmanager
def running_kernel(server: Host, name: str = "python3") -> Iterator[RunningKernel]:
    """Run a kernel for the length of a `with` block."""
    kernel = start_kernel(server, name)
    try:
        yield kernel
    finally:
        kernel.shut_down()
