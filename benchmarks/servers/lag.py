"""A Jupyter server extension for the benchmark alone: how long the server's loop is held.

A timer that is due every few milliseconds notes how late it comes. ``GET bench/lag`` returns
the counts by whole milliseconds, and ``?reset=1`` begins anew. It knows nothing of the product;
``Product(lag=True)`` enables it.
"""

import asyncio
import json
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
        self.counts: Counter[int] = Counter()
        self._due = loop.time()
        self._again()

    def reset(self) -> None:
        """Forget what was noted."""
        self.counts.clear()

    def _again(self) -> None:
        self._due = self._loop.time() + EVERY_SECONDS
        self._loop.call_at(self._due, self._note)

    def _note(self) -> None:
        self.counts[int(1000 * (self._loop.time() - self._due))] += 1
        self._again()


class LagHandler(JupyterHandler):
    """Tells what the sampler noted."""

    @web.authenticated
    def get(self) -> None:
        """Return counts by milliseconds, and forget them when asked to."""
        sampler: Sampler = self.settings[_SETTING]
        self.finish(json.dumps(sampler.counts))
        if self.get_query_argument("reset", ""):
            sampler.reset()


def _load_jupyter_server_extension(server: Any) -> None:
    app = server.web_app
    app.settings[_SETTING] = Sampler(asyncio.get_event_loop())
    app.add_handlers(".*$", [(app.settings["base_url"] + "bench/lag", LagHandler)])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "benchmarks.servers.lag"}]
