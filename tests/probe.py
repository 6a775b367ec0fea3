"""A Jupyter server extension for tests that looks at the server from inside.

It says how many tasks and open files there are, how much memory is held, and for how long the
event loop was not free: a timer that should ring every ten milliseconds notes how late it was.
Never part of the package: ``probed`` in a server's options loads it.
"""

import asyncio
import bisect
import os
import time
from typing import Any

import msgspec
import psutil
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join

from tests.jupyter_process import REPOSITORY

TICK_SECONDS = 0.01
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of the histogram's classes, in seconds; one more class holds what is above."""

PROBED = ("--ServerApp.jpserver_extensions=tests.probe=True",)
PROBED_ENV = {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "notebooks")))}


class Seen(msgspec.Struct):
    """What the probe says."""

    tasks: int
    files: int
    """Open ones, connections among them."""
    rss: int
    lags: tuple[int, ...]
    """How often the loop was not free for how long."""
    longest: float
    own: tuple[int, ...]
    """The part of it that the process computed: the rest it waited for a processor."""
    longest_own: float


class Pulse:
    """Measures how late the loop is."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lags, self.own = [0] * (len(BOUNDS) + 1), [0] * (len(BOUNDS) + 1)
        self.longest = self.longest_own = 0.0

    async def beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, spent = loop.time() + TICK_SECONDS, time.process_time()
            await asyncio.sleep(TICK_SECONDS)
            late = max(0.0, loop.time() - due)
            own = min(late, time.process_time() - spent)
            self.longest = max(self.longest, late)
            self.longest_own = max(self.longest_own, own)
            self.lags[bisect.bisect_left(BOUNDS, late)] += 1
            self.own[bisect.bisect_left(BOUNDS, own)] += 1


class ProbeHandler(JupyterHandler):
    """``GET probe``; with ``?reset=1`` the histogram begins anew afterwards."""

    def initialize(self, pulse: Pulse) -> None:
        self.pulse = pulse

    @allow_unauthenticated
    async def get(self) -> None:
        process = psutil.Process()
        seen = Seen(
            tasks=len(asyncio.all_tasks()),
            files=process.num_fds(),
            rss=process.memory_info().rss,
            lags=tuple(self.pulse.lags),
            longest=self.pulse.longest,
            own=tuple(self.pulse.own),
            longest_own=self.pulse.longest_own,
        )
        if self.get_query_argument("reset", ""):
            self.pulse.reset()
        self.set_header("Content-Type", "application/json")
        await self.finish(msgspec.json.encode(seen))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.probe"}]


def _load_jupyter_server_extension(server: Any) -> None:
    pulse = Pulse()
    place = url_path_join(server.web_app.settings["base_url"], "probe")
    server.web_app.add_handlers(".*$", [(place, ProbeHandler, {"pulse": pulse})])
    server.io_loop.add_callback(pulse.beat)
