"""A crowd of readers in a process of its own: idle ones, fast ones, slow ones.

``python -m tests.soak.crowd`` with a :class:`Crowd` as its argument. It says ``ready`` when all
stand, then takes orders, one per line: ``report`` (how it went since the last one), ``finish N``
(the flood has N events: read to its end and say whether all of them came, once and in order).
"""

import asyncio
import contextlib
import resource
import sys
import time

import msgspec

from tests.soak.stream import Reader, opened

FLOOD = "flood"
"""The execution that the fast and slow ones read; the idle ones have one each."""

OPENING_AT_ONCE = 50
END_SECONDS = 90.0


class Crowd(msgspec.Struct, frozen=True):
    """Who is in it.

    Attributes:
        dawdle: A slow reader's pause, in seconds, between two looks; each takes a quarter of a
            megabyte at most.
    """

    port: int
    token: str
    idle: int
    fast: int
    slow: int
    dawdle: float


class Report(msgspec.Struct):
    """What happened since the last one; latencies in milliseconds."""

    idle_open: int
    heard: int
    median: float
    p99: float
    longest: float
    closes: dict[str, int]
    """How slow readers' connections ended, by close code; ``lost`` without one."""


class End(msgspec.Struct):
    """Whether everything came."""

    fast_whole: int
    slow_whole: int
    fast_closed: int
    gaps: int


class Flooded:
    """A reader of the flood, across connections: every event once, in order."""

    def __init__(self) -> None:
        self.next = 0
        self.last_id = ""
        self.gaps = 0
        self.closes: dict[str, int] = {}
        self.latencies: list[float] = []

    def hear(self, message: bytes) -> None:
        event = msgspec.json.decode(message)
        if event["type"] == "gap":
            self.gaps += 1
        elif event["type"] == "flood":
            if event["n"] != self.next:
                raise AssertionError(f"event {event['n']} came where {self.next} should")
            self.next += 1
            self.last_id = event["event_id"]
            self.latencies.append((time.monotonic_ns() - event["sent"]) / 1e6)

    def place(self) -> str:
        return f"last_event_id={self.last_id}" if self.last_id else "replay=all"

    def closed(self, reader: Reader) -> None:
        code = "lost" if reader.closed_with is None else str(reader.closed_with)
        self.closes[code] = self.closes.get(code, 0) + 1


class Gathering:
    """The crowd at work."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._idle: list[Reader] = []
        self._fast = [Flooded() for _ in range(crowd.fast)]
        self._slow = [Flooded() for _ in range(crowd.slow)]
        self._hurries = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self) -> None:
        """Open every connection."""
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                query = f"idle-{number}?replay=none"
                self._idle.append(await opened(self._crowd.port, self._crowd.token, query))

        await asyncio.gather(*(one(number) for number in range(self._crowd.idle)))
        self._tasks = [
            *(asyncio.ensure_future(self._follow(each, slowly=False)) for each in self._fast),
            *(asyncio.ensure_future(self._follow(each, slowly=True)) for each in self._slow),
            asyncio.ensure_future(self._forget()),
        ]

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(1)
            for reader in self._idle:
                reader.idle()

    async def _follow(self, flooded: Flooded, *, slowly: bool) -> None:
        while True:
            query = f"{FLOOD}?{flooded.place()}"
            reader = await opened(self._crowd.port, self._crowd.token, query)
            while messages := await reader.messages():
                for message in messages:
                    flooded.hear(message)
                if slowly and not self._hurries.is_set():
                    await self._dawdle(reader)
            flooded.closed(reader)
            reader.close()

    async def _dawdle(self, reader: Reader) -> None:
        reader.pause()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurries.wait(), self._crowd.dawdle)
        reader.resume()

    def report(self) -> Report:
        latencies = sorted(ms for each in self._fast for ms in each.latencies) or [0.0]
        closes: dict[str, int] = {}
        for each in (*self._slow, *self._fast):
            each.latencies.clear()
        for each in self._slow:
            for code, times in each.closes.items():
                closes[code] = closes.get(code, 0) + times
            each.closes.clear()
        return Report(
            idle_open=sum(not reader.over for reader in self._idle),
            heard=len(latencies),
            median=latencies[len(latencies) // 2],
            p99=latencies[len(latencies) * 99 // 100],
            longest=latencies[-1],
            closes=closes,
        )

    async def finish(self, events: int) -> End:
        """Read to the end of the flood, everybody as fast as they can."""
        self._hurries.set()
        everybody = [*self._fast, *self._slow]
        deadline = time.monotonic() + END_SECONDS
        while any(each.next < events for each in everybody) and time.monotonic() < deadline:
            failed = [task for task in self._tasks if task.done()]
            if failed:
                failed[0].result()
            await asyncio.sleep(0.05)
        return End(
            fast_whole=sum(each.next == events for each in self._fast),
            slow_whole=sum(each.next == events for each in self._slow),
            fast_closed=sum(sum(each.closes.values()) for each in self._fast),
            gaps=sum(each.gaps for each in everybody),
        )


def allow_many_files() -> None:
    """Raise the number of sockets that this process and its children may hold."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def main() -> None:
    """Serve the orders until the end of the input."""
    gathering = Gathering(msgspec.json.decode(sys.argv[1], type=Crowd))
    await gathering.gather()
    say(b'"ready"')
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        if line[0] == "report":
            say(msgspec.json.encode(gathering.report()))
        else:
            say(msgspec.json.encode(await gathering.finish(int(line[1]))))


def say(line: bytes) -> None:
    """Write one line and let it go."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    allow_many_files()
    asyncio.run(main())
