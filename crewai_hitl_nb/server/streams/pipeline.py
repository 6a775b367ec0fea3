"""Orders the frames up of one connection, and lets several of one kind be under way together.

One at a time, each frame would wait for the commit of the one before it, and a hundred publishes
of a busy kernel would be a hundred commits. Under way together they share one. Appends queue in
the order in which they begin, so frames of one kind stay in order. A frame of another kind waits
for those before it, so that an answer that follows its question finds it.

Above: ``commands.py``, whose reading waits while this waits, so the frames under way are bounded.
It knows no frame.
"""

import asyncio
from collections.abc import Callable, Coroutine

from crewai_hitl_nb.protocol import limits


class Pipeline:
    """The frames of one connection that are under way."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """Call ``failed`` with the error of work that failed; it must not raise."""
        self._failed = failed
        self._kind: object = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def begin(self, kind: object, work: Coroutine[None, None, None]) -> None:
        """Begin work: after all of another kind, and when fewer than the limit are under way."""
        if kind != self._kind and self._under_way:
            await asyncio.wait(self._under_way)
        self._kind = kind
        if len(self._under_way) >= limits.FRAMES_UNDER_WAY:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
