"""Many idle readers, many open requests, a flood, and slow readers among fast ones.

``make soak`` runs it for ten minutes with five thousand idle readers (SOAK_SECONDS and
SOAK_IDLE say otherwise) and prints what it measured each minute; in the ordinary run it takes
some seconds, and checks only what does not depend on the machine's speed.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import msgspec
import pytest

from tests.jupyter_process import REPOSITORY, JupyterProcess
from tests.kernel.conftest import LIGHT
from tests.probe import BOUNDS, PROBED, PROBED_ENV, Pulse, Seen
from tests.soak.crowd import Crowd, End, Report, allow_many_files

LONG = "SOAK" in os.environ
SECONDS = float(os.environ.get("SOAK_SECONDS", "600" if LONG else "8"))
IDLE = int(os.environ.get("SOAK_IDLE", "5000" if LONG else "300"))
PENDING = 1000 if LONG else 200
FAST, SLOW = (4, 8) if LONG else (2, 3)
RATE = os.environ.get("SOAK_RATE", "0")
EVENT_CHARS, DAWDLE_SECONDS = ("2000", 4.0) if LONG else ("10000", 1.0)
"""A slow reader shall be behind soon by more than the systems between hold for it."""
LEAST_EVENTS = 1200
"""Of a flood, or no reader is slow: a busy machine takes longer for them."""
INTERVAL_SECONDS = min(60.0, SECONDS / 4)
LOOK_SECONDS = 0.25
MOST_GROWTH_BYTES = 48 << 20
"""Between the first quarter of the time and the last: caches fill, nothing else grows."""

OPTIONS = (
    *LIGHT,
    *PROBED,
    "--HumanInputApp.publish_per_second=0",
    "--HumanInputApp.streams_per_second=0",
    # A slow reader is behind by this much in seconds, not in minutes.
    f"--HumanInputApp.buffer_events={1000 if LONG else 200}",
)


class Process:
    """A program of this package that is told things by the line."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @property
    def _in(self) -> IO[bytes]:
        assert self._child.stdin is not None
        return self._child.stdin

    def ask(self, line: str, shape: Any) -> Any:
        """Say a line and return the reply."""
        self._in.write(f"{line}\n".encode())
        self._in.flush()
        return self.hear(shape)

    def hear(self, shape: Any) -> Any:
        """Return the next line."""
        assert self._child.stdout is not None
        return msgspec.json.decode(self._child.stdout.readline(), type=shape)

    def end_input(self) -> None:
        """Say that nothing more comes."""
        self._in.close()

    def end(self) -> None:
        """End it, if it has not ended by itself."""
        self._child.terminate()
        self._child.wait(20)


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Process]:
    """Run a program for the length of a block."""
    process = Process(module, *arguments)
    try:
        yield process
    finally:
        process.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterProcess]:
    allow_many_files()
    server = JupyterProcess(tmp_path, options=OPTIONS, env=PROBED_ENV)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Looker:
    """Looks at the server from outside, as its own pages do, and from inside."""

    def __init__(self, server: JupyterProcess) -> None:
        self._http = httpx.Client(base_url=server.url, headers=server.headers, timeout=30)
        self.sizes: list[int] = []
        self._own: list[float] = []
        self._idle = Pulse()
        threading.Thread(target=lambda: asyncio.run(self._idle.beat()), daemon=True).start()

    def look(self, seconds: float) -> None:
        """Look every now and then for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for path in ("api/status", "api/contents"):
                began = time.monotonic()
                self._http.get(path).raise_for_status()
                self._own.append(1000 * (time.monotonic() - began))
            self.sizes.append(self.inside().rss)
            time.sleep(LOOK_SECONDS)

    def inside(self, query: str = "") -> Seen:
        return msgspec.json.decode(self._http.get("probe" + query).content, type=Seen)

    def say(self, report: Report) -> None:
        """Print what was seen since the last time."""
        seen = self.inside("?reset=1")
        own, alone = sorted(self._own), self._idle
        self._own.clear()
        say(
            f"\nmemory {seen.rss >> 20} MB, {seen.tasks} tasks, {report.idle_open} idle readers\n"
            f"  fast readers   {report.heard} events, {report.median:.1f} ms median, "
            f"{report.p99:.1f} ms at 99 %, {report.longest:.0f} ms longest\n"
            f"  slow readers   closed: {report.closes}\n"
            f"  Jupyter's own  {own[len(own) // 2]:.1f} ms median, {own[-1]:.0f} ms longest\n"
            f"  loop held, ms  {histogram(seen.lags)}  longest {1000 * seen.longest:.0f}\n"
            f"  … by its work  {histogram(seen.own)}  longest {1000 * seen.longest_own:.0f}\n"
            f"  a loop that does nothing, on this machine meanwhile\n"
            f"                 {histogram(alone.lags)}  longest {1000 * alone.longest:.0f}"
        )
        alone.reset()


@pytest.mark.timeout(SECONDS + 300)
def test_a_flood_loses_nothing_and_leaves_the_server_as_large_as_it_was(
    server: JupyterProcess,
) -> None:
    ask_much(server)
    crowd = Crowd(server.port, server.token, IDLE, FAST, SLOW, DAWDLE_SECONDS)
    looker = Looker(server)
    reports: list[Report] = []
    with running("tests.soak.crowd", msgspec.json.encode(crowd).decode()) as readers:
        assert readers.hear(str) == "ready"
        looker.inside("?reset=1")
        flood = (str(server.port), server.token, RATE, EVENT_CHARS)
        with running("tests.soak.publisher", *flood) as publisher:
            while len(reports) < SECONDS / INTERVAL_SECONDS or heard(reports) < LEAST_EVENTS:
                looker.look(INTERVAL_SECONDS)
                reports.append(readers.ask("report", Report))
                looker.say(reports[-1])
            publisher.end_input()
            published = publisher.hear(int)
        end = readers.ask(f"finish {published}", End)
        reports.append(readers.ask("report", Report))
    say(
        f"{published} events in {SECONDS:g} s; fast readers took {ratio(reports[:-1]):.2f} times"
        " as long in the last interval as in the first, at the median"
    )

    assert (end.fast_whole, end.slow_whole, end.gaps) == (FAST, SLOW, 0)
    assert end.fast_closed == 0
    assert all(report.idle_open == IDLE for report in reports)
    closes = {code for report in reports for code in report.closes}
    assert "4408" in closes
    assert closes <= {"4408", "lost"}
    assert growth(looker.sizes) < MOST_GROWTH_BYTES


def say(text: str) -> None:
    """Show what was measured at once; pytest shows it with ``-s``, and when the test fails."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def histogram(lags: Sequence[int]) -> str:
    """Return how often the loop was held for how many milliseconds."""
    classes = [f"≤{1000 * bound:g}" for bound in BOUNDS] + ["more"]
    return "  ".join(f"{name}:{n}" for name, n in zip(classes, lags, strict=True) if n)


def ask_much(server: JupyterProcess) -> None:
    """Leave many requests open."""
    questions = [
        {"type": "human_input_required", "request_id": f"open-{i}", "prompt": "Good?"}
        for i in range(PENDING)
    ]
    with httpx.Client(base_url=server.prefix, headers=server.headers, timeout=60) as http:
        http.post("events", json=questions).raise_for_status()
        assert http.get("health").json()["pending"] == PENDING


def growth(sizes: list[int]) -> float:
    """Return by how much the memory of the last quarter is above that of the first."""
    quarter = len(sizes) // 4
    return statistics.median(sizes[-quarter:]) - statistics.median(sizes[quarter : 2 * quarter])


def heard(reports: list[Report]) -> float:
    """Return how many events each fast reader has heard."""
    return sum(report.heard for report in reports) / FAST


def ratio(reports: list[Report]) -> float:
    """Return the fast readers' latency at the end as a part of that at the beginning."""
    measured = [report.median for report in reports if report.heard > 1]
    return measured[-1] / measured[0]
