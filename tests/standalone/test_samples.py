"""The event-streaming guide's three sample clients, run as they stand, each in its own process."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.conftest import KEY

SAMPLES = Path(__file__).parent / "samples"
EXECUTION = "execution-of-the-test"
ASK = {
    "type": "human_input_required",
    "execution_id": EXECUTION,
    "request_id": "r1",
    "prompt": "Which volume?",
    "context": "Traffic report",
}


class Program:
    """A running sample and the lines it prints."""

    def __init__(self, name: str, port: int, key: str) -> None:
        code = (SAMPLES / f"{name}.txt").read_text()
        code = code.replace("localhost:8000", f"localhost:{port}")
        code = code.replace('"execution-id", "api-key"', f'"{EXECUTION}", "{key}"')
        if "import asyncio" not in code:
            code = "import asyncio\n" + code
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("(ended)")

    def until(self, text: str) -> list[str]:
        """Return the lines up to one that has the text."""
        seen: list[str] = []
        while not seen or text not in seen[-1]:
            seen.append(self._lines.get(timeout=20))
            assert seen[-1] != "(ended)", seen
        return seen


@contextmanager
def running(name: str, port: int, key: str = KEY) -> Iterator[Program]:
    """Run a sample and end it afterwards."""
    program = Program(name, port, key)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()


def test_the_websocket_sample_sees_the_question_and_the_answer(
    server: HumanInputServer, http: httpx.Client
) -> None:
    http.post("events", json=ASK)
    with running("websocket_client", server.port) as sample:
        assert sample.until("Context") == [
            "Human input needed: Which volume?",
            "Context: Traffic report",
        ]
        http.post("requests/r1/answer", json={"human_feedback": "Low"})
        assert sample.until("completed") == ["Input completed: Low"]


def test_the_sse_sample_stays_connected_past_its_read_timeout() -> None:
    """httpx gives up after 5 s of silence: the heartbeat has to come before."""
    assert httpx.Timeout(5.0).read > limits.HEARTBEAT_SECONDS  # type: ignore[operator]
    with HumanInputServer(port=0, api_key=KEY) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        with (
            httpx.Client(base_url=server.url, headers=headers) as http,
            running("sse_client", server.port) as sample,
            httpx.stream("GET", f"{server.url}events/human-input/x", headers=headers) as other,
        ):
            http.post("events", json=ASK)
            sample.until("human_input_required")
            # Two heartbeats of silence on a stream like the sample's: over 5 s have passed.
            beats = (line for line in other.iter_lines() if line == "event: heartbeat")
            for _ in range(3):
                next(beats)
            http.post("requests/r1/answer", json={"human_feedback": "Low"})
            (line,) = sample.until("human_input_completed")
            assert "'human_feedback': 'Low'" in line


@pytest.mark.parametrize("before", [True, False], ids=["asked before", "asked after"])
def test_the_polling_sample_sees_everything_once(
    server: HumanInputServer, http: httpx.Client, before: bool
) -> None:
    if before:
        http.post("events", json=ASK)
    with running("polling_client", server.port) as sample:
        if not before:
            http.post("events", json=ASK)
        seen = sample.until("human_input_required")
        http.post("requests/r1/answer", json={"human_feedback": "Low"})
        seen += sample.until("human_input_completed")
        assert len(seen) == 2
