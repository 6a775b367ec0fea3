"""Runs a server on its own thread and event loop, so that a blocked caller does not block it.

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
        ended: A future that is done when everything is closed.
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
        """Start; the future is done when connections are accepted, or fails with the reason."""
        self._thread.start()
        return self._began

    def stop(self) -> None:
        """Stop the server and return when everything is closed."""
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
            # Any error, because the caller that starts the server must get it.
            self._began.set_exception(error)
        finally:
            self.ended.set_result(None)
        # Tornado's table of open sockets. Tornado closes those that do not answer within 5 s.
        open_connections = cast("Any", IOLoop.current()).handlers
        end = time.monotonic() + GOODBYE_SECONDS
        while open_connections and time.monotonic() < end:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
