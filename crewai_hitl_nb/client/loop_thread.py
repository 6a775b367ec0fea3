"""Runs an event loop on a daemon thread of its own.

The blocking client and the kernel's bridge run their coroutines here, so that they work the same
in a plain script, beside a running loop and while a notebook cell blocks. A forked process does
not inherit threads: there the loop counts as closed, and its users make another. It knows nothing
about the coroutines that it runs.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from crewai_hitl_nb.client.interruptible import block_until_done, loop_is_running

_T = TypeVar("_T")


class LoopThread:
    """A loop that runs from construction to :meth:`close`.

    Args:
        name: The name of the thread, as stack dumps show it.
    """

    def __init__(self, name: str) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        # A daemon: the end of the program must never wait for the network.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Start a coroutine on the loop, from any thread.

        Raises:
            RuntimeError: This is a forked process, and the loop is its parent's.
        """
        if os.getpid() != self._pid:
            coroutine.close()
            raise RuntimeError("this connection belongs to the parent process; make a new one")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, _T], seconds: float | None = None) -> _T:
        """Run a coroutine and wait for its result; an interrupt cancels it.

        Raises:
            TimeoutError: It took longer than ``seconds`` and is cancelled.
        """
        future = self.submit(coroutine)
        try:
            if loop_is_running():  # blocked from here on, so this wait must notice interrupts
                block_until_done([future], seconds=seconds)
                return future.result(0)
            return future.result(seconds)
        except FutureTimeout:  # another class than TimeoutError before Python 3.11
            future.cancel()
            raise TimeoutError(f"not done within {seconds} s") from None
        except BaseException:
            future.cancel()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it still accepts coroutines."""
        ours = os.getpid() == self._pid
        return ours and self._thread.is_alive() and not self._loop.is_closed()

    def close(self, seconds: float = 1.0) -> None:
        """Cancel running coroutines and stop the loop, within ``seconds``; idempotent."""
        if not self.is_open:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
