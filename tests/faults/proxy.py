"""A reverse proxy that misbehaves on purpose, as real ones do without meaning to.

It stands between clients and one server on this machine and passes one HTTP exchange (or one
WebSocket) per connection, under rules for each kind of connection. Tests in
Python hold it in a ``with`` block; those in TypeScript start it as a process and send it orders,
one JSON object per line (see :func:`main`). It knows paths and headers, no frames.
"""

import asyncio
import contextlib
import random
import sys
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Literal, TypeAlias, get_args

import msgspec

Kind: TypeAlias = Literal["websocket", "sse", "poll", "call"]
Act: TypeAlias = Literal[
    "refuse", "hang", "drop", "strip", "hold", "delay", "double", "tear", "behead"
]
Strike: TypeAlias = Literal["cut", "restore", "freeze"]

EVERY_KIND: Final[tuple[Kind, ...]] = get_args(Kind)
_PLACES: Final[dict[str, Kind]] = {"/ws/": "websocket", "/events/": "sse", "/poll/": "poll"}
_MOST_BYTES: Final = 1 << 20
"""Of a head, and of what is read at a time: nothing here grows."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to connections.

    act       the connection …
    ────────  ──────────────────────────────────────────────────────────────────
    refuse    is answered with ``status`` and a page in HTML; the server does not see it
    hang      is taken, and never answered
    drop      is taken, and closed without a word
    strip     loses its ``Upgrade`` header on the way
    hold      gets its reply only when it is complete: an endless one never
    delay     waits ``seconds`` before each piece, in both directions
    double    reaches the server twice; the second reply goes nowhere
    behead    gets the head of its reply, and is closed
    tear      breaks, every other one, after a random number of bytes, at most ``most``
    """

    act: Act
    kinds: tuple[Kind, ...] = EVERY_KIND
    status: int = 502
    seconds: float = 0.02
    most: int = 4000


class Order(msgspec.Struct, frozen=True):
    """What a process is told: new rules, or a strike at the connections that stand."""

    obey: tuple[Rule, ...] | None = None
    strike: Strike | None = None


class _Connection:
    """One client's connection and what was opened for it."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.writers: list[asyncio.StreamWriter] = []
        self.flowing = asyncio.Event()
        self.flowing.set()

    def abort(self) -> None:
        self.flowing.set()
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """The proxy, on a thread of its own. Use it in a ``with`` block.

    Args:
        target: The server's port on this machine.
        rules: What holds from the start.
        seed: Of where connections tear.
    """

    def __init__(self, target: int, *rules: Rule, seed: int = 0) -> None:
        self.port = 0
        self._target = target
        self._rules = rules
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tears = False
        self._freezes_next = False
        self.seen: list[Kind] = []
        """The kind of every connection that came, in order."""

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._on_loop(self._listen())
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

    def obey(self, *rules: Rule) -> None:
        """Put these rules in place of the old ones, for connections from now on."""
        self._rules = rules

    def strike(self, strike: Strike) -> None:
        """Cut every connection and refuse new ones; restore the network; or freeze what stands.

        Where none stands but polls, which may be answered by now, the next one is frozen, too.
        A frozen connection stays open and passes nothing more on: it is half-open for both ends.
        """
        self._on_loop({"cut": self._cut, "restore": self._listen, "freeze": self._freeze}[strike]())

    def _on_loop(self, work: Awaitable[None]) -> None:
        async def do() -> None:
            await work

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(30)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, limit=_MOST_BYTES
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()

    async def _freeze(self) -> None:
        self._freezes_next = all(each.kind == "poll" for each in self._connections)
        for connection in self._connections:
            connection.flowing.clear()

    async def _end(self) -> None:
        await self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side left, or the proxy ends
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _request(reader)
        connection = _Connection(kind_of(request))
        connection.writers.append(writer)
        self._connections.add(connection)
        self.seen.append(connection.kind)
        rules = {rule.act: rule for rule in self._rules if connection.kind in rule.kinds}
        self._tears = not self._tears
        if not self._tears:
            rules.pop("tear", None)  # a network that tears every one lets nothing through
        if self._freezes_next:
            self._freezes_next = False
            connection.flowing.clear()
        try:
            if "drop" in rules:
                return
            if "hang" in rules:
                await reader.read()  # until the client gives up
            elif "refuse" in rules:
                writer.write(_refusal(rules["refuse"].status))
                await writer.drain()
            else:
                await self._pass_on(connection, request, reader, rules)
        finally:
            self._connections.discard(connection)
            connection.abort() if "tear" in rules else _close(connection)

    async def _pass_on(
        self,
        connection: _Connection,
        request: bytes,
        reader: asyncio.StreamReader,
        rules: dict[Act, Rule],
    ) -> None:
        request = _as_sent_on(request, strip="strip" in rules)
        pause = rules["delay"].seconds if "delay" in rules else 0.0
        client = connection.writers[0]
        far, up = await self._reach(connection, request)
        ups = [up]
        work = [self._pump(connection, far, _down(client, rules, self._dice), pause)]
        if "double" in rules:
            echo, second = await self._reach(connection, request)
            ups.append(second)
            work.append(self._pump(connection, echo, _nowhere, 0.0))
        upward = asyncio.ensure_future(self._pump(connection, reader, _to_all(ups), pause))
        down = asyncio.ensure_future(work[0])
        others = [asyncio.ensure_future(each) for each in work[1:]]
        try:
            await asyncio.wait((upward, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upward, down, *others):
                task.cancel()
            await asyncio.gather(upward, down, *others, return_exceptions=True)

    async def _reach(
        self, connection: _Connection, request: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        far, up = await asyncio.open_connection("127.0.0.1", self._target, limit=_MOST_BYTES)
        connection.writers.append(up)
        up.write(request)
        await up.drain()
        return far, up

    async def _pump(
        self,
        connection: _Connection,
        source: asyncio.StreamReader,
        sink: Callable[[bytes], Awaitable[None]],
        pause: float,
    ) -> None:
        while data := await source.read(65536):
            await asyncio.sleep(pause)
            await connection.flowing.wait()
            await sink(data)
        await sink(b"")


def kind_of(request: bytes) -> Kind:
    """Return what a request asks for, by its path."""
    path = request.split(b" ", 2)[1].decode("latin-1")
    return next((kind for part, kind in _PLACES.items() if part in path), "call")


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Return a request's head, and its body if it has one."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def _as_sent_on(request: bytes, *, strip: bool) -> bytes:
    """Return a request with one exchange per connection, and without an upgrade if so told."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    upgrades = any(line.lower().startswith(b"upgrade:") for line in lines) and not strip
    if upgrades:
        return request
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"upgrade:"))]
    return b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n" + body


def _refusal(status: int) -> bytes:
    page = b"<html><body><h1>The proxy says no</h1></body></html>"
    return (
        b"HTTP/1.1 %d Refused\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%b" % (status, len(page), page)
    )


def _down(
    client: asyncio.StreamWriter, rules: dict[Act, Rule], dice: random.Random
) -> Callable[[bytes], Awaitable[None]]:
    """Return where a reply goes: to the client, in whole or torn, at once or at its end."""
    held = bytearray()
    left = dice.randint(1, rules["tear"].most) if "tear" in rules else None

    async def sink(data: bytes) -> None:
        nonlocal left
        if "hold" in rules:
            held.extend(data)
            if data and len(held) < _MOST_BYTES:
                return
            data = bytes(held)
        if "behead" in rules:
            client.write(data[: data.index(b"\r\n\r\n") + 4])
            await client.drain()
            raise ConnectionAbortedError
        if left is not None:
            client.write(data[:left])
            left -= len(data)
        else:
            client.write(data)
        await client.drain()
        if left is not None and left <= 0:
            raise ConnectionAbortedError

    return sink


def _to_all(writers: list[asyncio.StreamWriter]) -> Callable[[bytes], Awaitable[None]]:
    async def sink(data: bytes) -> None:
        for writer in writers:
            writer.write(data)
            await writer.drain()

    return sink


async def _nowhere(data: bytes) -> None:
    """Take what a doubled connection is answered with."""


def _close(connection: _Connection) -> None:
    for writer in connection.writers:
        writer.close()


def main() -> None:
    """Serve as a process: ``python -m tests.faults.proxy PORT``; each order is acknowledged."""
    out = sys.stdout
    with Proxy(int(sys.argv[1])) as proxy, contextlib.suppress(BrokenPipeError):
        out.write(f"{proxy.port}\n")
        out.flush()
        for line in sys.stdin:
            order = msgspec.json.decode(line, type=Order)
            if order.obey is not None:
                proxy.obey(*order.obey)
            if order.strike is not None:
                proxy.strike(order.strike)
            out.write("done\n")
            out.flush()


if __name__ == "__main__":
    main()
