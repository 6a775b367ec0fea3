"""A Jupyter server extension for the benchmark alone: how long the server's loop is held.

A timer that is due every few milliseconds notes how late it comes, and how much of that the loop's
own thread was computing: the rest it waited for the processor, which others use as well.
``GET bench/lag`` returns the counts by whole milliseconds, and ``?reset=1`` begins anew. It knows
nothing of the product; ``Product(sampled=True)`` enables it.
"""

import asyncio
import json
import time
from collections import Counter
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

EVERY_SECONDS = 0.005
_SETTING = "bench_lag"


class Sampler:
    """Notes, again and again, how late the loop is."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.late: Counter[int] = Counter()
        self.computing: Counter[int] = Counter()
        self._due = loop.time()
        self._used = 0.0
        self._again()

    def reset(self) -> None:
        """Forget what was noted."""
        self.late.clear()
        self.computing.clear()

    def _again(self) -> None:
        self._due = self._loop.time() + EVERY_SECONDS
        self._used = time.thread_time()
        self._loop.call_at(self._due, self._note)

    def _note(self) -> None:
        late = max(0.0, self._loop.time() - self._due)
        self.late[int(1000 * late)] += 1
        self.computing[int(1000 * min(late, time.thread_time() - self._used))] += 1
        self._again()


class LagHandler(JupyterHandler):
    """Tells what the sampler noted."""

    @web.authenticated
    def get(self) -> None:
        """Return counts by milliseconds, and forget them when asked to."""
        sampler: Sampler = self.settings[_SETTING]
        self.finish(json.dumps({"late": sampler.late, "computing": sampler.computing}))
        if self.get_query_argument("reset", ""):
            sampler.reset()


def _load_jupyter_server_extension(server: Any) -> None:
    app = server.web_app
    app.settings[_SETTING] = Sampler(asyncio.get_event_loop())
    app.add_handlers(".*$", [(app.settings["base_url"] + "bench/lag", LagHandler)])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "benchmarks.servers.lag"}]
