"""A real kernel of the product's Jupyter server, driven over its own sockets by jupyter_client.

That is the shortest way to a kernel there is: a browser goes through the server as well. Above it
are the programs that run cells; it knows nothing of their content.
"""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
from jupyter_client.blocking.client import BlockingKernelClient

from benchmarks.processes import BenchError
from tests.jupyter_process import JupyterProcess

_SECONDS = 60.0


class Kernel:
    """One kernel."""

    def __init__(self, server: JupyterProcess) -> None:
        """Start it through the server, which hands it the key; return when it answers."""
        self._server = server
        self._http = httpx.Client(base_url=server.url, headers=server.headers, timeout=_SECONDS)
        made = self._http.post("api/kernels", json={"name": "python3"}).raise_for_status()
        self._id = made.json()["id"]
        runtime = Path(server.env["JUPYTER_RUNTIME_DIR"])
        self._client = BlockingKernelClient()
        self._client.load_connection_file(str(runtime / f"kernel-{self._id}.json"))
        self._client.start_channels()
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            # On a busy machine it says "died" of a kernel whose heartbeat is not up yet.
            with contextlib.suppress(RuntimeError):
                self._client.wait_for_ready(timeout=_SECONDS)
                return
        raise BenchError("the kernel does not come up")

    def begin(self, code: str) -> str:
        """Start a cell; return the id to wait for."""
        return str(self._client.execute(code, store_history=False, allow_stdin=True))

    def await_input(self) -> None:
        """Wait until the cell asks for a line."""
        self._client.get_stdin_msg(timeout=_SECONDS)

    def reply(self, line: str) -> None:
        """Send the line."""
        self._client.input(line)

    def finish(self, cell: str) -> str:
        """Wait until the cell has ended; return what it printed.

        Raises:
            BenchError: It ended with an error.
        """
        printed = ""
        while True:
            message: dict[str, Any] = self._client.get_iopub_msg(timeout=_SECONDS)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                raise BenchError(f"a cell failed: {content['ename']}: {content['evalue']}")
            if kind == "stream":
                printed += content["text"]
            if kind == "status" and content["execution_state"] == "idle":
                return printed

    def run(self, code: str) -> str:
        """Run a cell to its end; return what it printed."""
        return self.finish(self.begin(code))

    def value(self, expression: str) -> Any:
        """Return the value of an expression that is JSON."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))

    def stop(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._http.delete(f"api/kernels/{self._id}")
        self._http.close()
