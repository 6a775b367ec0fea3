"""A standalone server in a process of its own, with a key, a file, and a look at its memory."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

KEY = "a-key-of-these-tests"
PATIENCE_SECONDS = 60.0


class Served:
    """One server. Use it as a block: :func:`served`."""

    def __init__(
        self, folder: Path, *options: str, before: Callable[[], None] | None = None
    ) -> None:
        (folder / "key").write_text(KEY)
        self.log = folder / "server.log"
        command = [str(Path(sys.executable).parent / "crewai-hitl"), "serve", "--port", "0"]
        command += ["--json", "--log", "text", "--api-key-file", str(folder / "key"), *options]
        env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                preexec_fn=before,  # noqa: PLW1509
            )
        assert self.process.stdout is not None
        self.url = str(json.loads(self.process.stdout.readline())["url"])
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def megabytes(self, which: str = "VmHWM") -> int:
        """Return its memory: the most that it ever had, or what it has (``VmRSS``)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(which):
                return int(line.split()[1]) // 1024
        raise AssertionError(f"no {which}")

    def http(self, key: str = KEY) -> httpx.Client:
        """Return a client; the caller closes it."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)

    def is_healthy(self) -> bool:
        """Ask somebody new."""
        return httpx.get(self.url + "health", timeout=PATIENCE_SECONDS).status_code == 200

    def connect(self) -> socket.socket:
        """Open a connection that nobody reads."""
        connection = socket.socket()
        # As little as the system gives: what the server cannot send it has to keep.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def head(self, line: str, *headers: str, key: str | None = KEY) -> bytes:
        """Return a request without a body."""
        own = ["Host: 127.0.0.1"] + ([f"Authorization: Bearer {key}"] if key else [])
        return "\r\n".join([line, *own, *headers, "", ""]).encode()


@contextmanager
def served(
    folder: Path, *options: str, before: Callable[[], None] | None = None
) -> Iterator[Served]:
    """Serve for the length of a block."""
    server = Served(folder, *options, before=before)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def question(name: str, size: int = 0, **more: object) -> dict[str, object]:
    """Return a question with a context of this size."""
    return {
        "type": "human_input_required",
        "event_id": name,
        "request_id": name,
        "execution_id": "load",
        "prompt": "Well?",
        "context": "w" * size,
        **more,
    }
