"""Runs a server on a thread and a loop of its own, so that a blocked caller does not stop it.

Above it is ``standalone.py``, which knows what is served.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, cast

from tornado.ioloop import IOLoop

GOODBYE_SECONDS: Final = 6.0
"""How long sockets may take to close after the server has stopped; no caller waits for them."""


class ServerThread:
    """The thread of a server.

    Args:
        serve: Serves on the running loop until it is stopped; calls back when it has begun.
        stop: Stops it; callable from any thread.

    Attributes:
        ended: Done when everything is closed.
    """

    def __init__(
        self,
        serve: Callable[[Callable[[], None]], Coroutine[Any, Any, None]],
        stop: Callable[[], None],
    ) -> None:
        self._serve = serve
        self._stop = stop
        self._began: Future[None] = Future()
        self.ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="hitl-server", daemon=True)

    def begin(self) -> "Future[None]":
        """Start; the future is done when it accepts connections, or fails with the reason."""
        self._thread.start()
        return self._began

    def stop(self) -> None:
        """Return when everything is closed."""
        self._stop()
        self.ended.result()

    def _run(self) -> None:
        asyncio.run(self._serve_and_say_goodbye())

    async def _serve_and_say_goodbye(self) -> None:
        try:
            await self._serve(lambda: self._began.set_result(None))
        except Exception as error:
            if self._began.done():
                raise
            self._began.set_exception(
                error
            )  # whatever it is, the caller that starts it must get it
        finally:
            self.ended.set_result(None)
        # Tornado's own, with every open connection; it closes in 5 s those that do not answer.
        open_connections = cast("Any", IOLoop.current()).handlers
        end = time.monotonic() + GOODBYE_SECONDS
        while open_connections and time.monotonic() < end:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
