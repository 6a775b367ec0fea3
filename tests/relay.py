"""A stretch of network that can be cut, slowed and restored: a relay to a port on this machine."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from tests.jupyter_process import free_port


class Relay:
    """Passes every connection on, except while it is cut. Use it in a `with` block.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        target: The port there that new connections lead to.
        broken: How many connections it has broken.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.broken = 0
        self.target = target
        self._delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "Relay":
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.restore()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._on_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def carries(self) -> int:
        """How many connections pass through it."""
        return len(self._connections)

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._on_loop(self._cut())

    def drop(self) -> None:
        """Break every connection; new ones are let through."""
        self._on_loop(self._drop())

    def freeze(self) -> None:
        """Hold back everything that is sent, in both directions; no connection notices."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, seconds: float) -> None:
        """Delay every piece that is sent."""
        self._delay = seconds

    def restore(self) -> None:
        """Let connections through again, at full speed."""
        self._on_loop(self._restore())

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._drop()

    async def _drop(self) -> None:
        self.broken += len(self._connections)
        for writers in self._connections.values():
            for writer in writers:
                writer.transport.abort()

    async def _restore(self) -> None:
        self._delay = 0.0
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)

    async def _end(self) -> None:
        await self._cut()
        self._flowing.set()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._server is None:  # it was accepted right before the cut
            writer.transport.abort()
            return
        writers = self._connections[task] = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            writers.append(far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer),
                self._pump(far_reader, writer),
                return_exceptions=True,
            )
        except (OSError, asyncio.CancelledError):
            pass  # the target is away, or the relay ends
        finally:
            del self._connections[task]
            for each in writers:
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            with contextlib.suppress(OSError):
                writer.close()
