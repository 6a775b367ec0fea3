"""Builds the load generator with `cc`, starts it, and speaks with it line by line.

Above it are the programs; below it is ``load.c``. It refuses a report with an event lost,
doubled or out of order, so no figure ever comes from a run that went wrong.
"""

import contextlib
import hashlib
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOAD_CORE, BenchError, pinned

_HERE = Path(__file__).parent
_SOURCES = [_HERE / "load.c", _HERE / "parse.c"]
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Report:
    """What one command of the generator brought.

    Attributes:
        seconds: From its beginning to the last delivery (or acknowledgement).
        busy: The generator's own processor time as a share of that: well below 1, the server was
            what took the time.
        latencies: Seconds from a publish to its last subscriber, for each event sent alone.
    """

    seconds: float
    busy: float
    delivered: int
    bytes: int
    latencies: tuple[float, ...]
    stalled: bool


def build(folder: Path) -> Path:
    """Compile the generator, once for each version of its source.

    Raises:
        BenchError: There is no C compiler, or it refused.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("the load generator is C: install a compiler (Debian: apt install gcc)")
    sources = [*_SOURCES, _HERE / "load.h"]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    program = folder / f"load-{version}"
    if not program.exists():
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), *map(str, _SOURCES)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"the load generator does not compile:\n{done.stderr}")
    return program


def items(path: Path, contents: Iterable[bytes]) -> Path:
    """Write a file of items as the generator reads them."""
    with path.open("wb") as file:
        for content in contents:
            file.write(struct.pack("<I", len(content)) + content)
    return path


@dataclass(frozen=True)
class Load:
    """What a generator sends, and what it may expect.

    Attributes:
        ports: Of the servers that share the log; subscribers take them in turn from the first,
            publishers from the last.
        subscribe: The requests of the subscribers, taken in turn.
        greeting: What opens a publisher's connection; may be empty.
        publish: One publish each; publisher `k % publishers` sends the k-th.
        readers: How many subscribers each event reaches; 0: all.
        batch: Events in one publish.
    """

    ports: Sequence[int]
    kind: str
    connections: int
    subscribe: list[bytes]
    publisher: str = "raw"
    greeting: bytes = b""
    publish: Iterable[bytes] = ()
    publishers: int = 1
    readers: int = 0
    batch: int = 1


class Generator:
    """One generator process, with its subscribers and publishers."""

    def __init__(self, load: Load) -> None:
        """Start it; its publishers connect at once, its subscribers with :meth:`open`."""
        self._scratch = tempfile.TemporaryDirectory(prefix="bench-load-")
        folder = Path(self._scratch.name)
        command = [
            build(Path(tempfile.gettempdir())),
            *(
                ",".join(map(str, load.ports)),
                load.kind,
                load.connections,
                load.readers or load.connections,
            ),
            *(load.publisher, load.publishers, load.batch),
            items(folder / "subscribe", load.subscribe),
            items(folder / "publish", [load.greeting, *load.publish]),
        ]
        with pinned(LOAD_CORE):
            self._process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self._answer()

    def open(self, events_each: int = 0, seconds: float = 120.0) -> Report:
        """Connect every subscriber; wait until each has had so many events.

        Only here `stalled` is not refused: a slow replay is a result.
        """
        return self._command(f"open {events_each} {int(seconds * 1000)}", may_stall=events_each > 0)

    def quiet(self, seconds: float = 0.1) -> Report:
        """Wait until no event came for so long: nothing comes late, and nothing twice."""
        return self._command(f"quiet {int(seconds * 1000)}")

    def publish(self, count: int, *, outstanding: int = 1, gap: float = 0.0) -> Report:
        """Publish so many items and wait until every subscriber has them.

        Args:
            count: How many of the prepared items.
            outstanding: How many may be under way; with 1 each one's latency is reported.
            gap: Seconds between two of them, at least.
        """
        self.begin(count, outstanding=outstanding, gap=gap)
        return self.end()

    def store(self, count: int, *, outstanding: int) -> Report:
        """Publish so many items, each publisher its next one once the last is acknowledged.

        It also waits until every subscriber has them.
        """
        return self._command(f"store {count} {outstanding}")

    def begin(self, count: int, *, outstanding: int = 1, gap: float = 0.0) -> None:
        """Begin to publish; :meth:`end` waits for it."""
        self._say(f"publish {count} {outstanding} {int(gap * 1e6)}")

    def end(self) -> Report:
        """Wait for what was begun."""
        return self._report()

    def ask(self) -> Report:
        """Let every polling subscriber that has its answer ask again."""
        return self._command("ask")

    def close(self) -> Report:
        """End every subscriber's connection."""
        return self._command("close")

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended before
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._scratch.cleanup()

    def _command(self, line: str, *, may_stall: bool = False) -> Report:
        self._say(line)
        return self._report(may_stall=may_stall)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: its last line says why
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, object] = json.loads(line) if line else {"failed": "it ended"}
        if "failed" in answer:
            raise BenchError(f"the load generator: {answer['failed']} {answer.get('detail', '')}")
        return answer

    def _report(self, *, may_stall: bool = False) -> Report:
        return decode(self._answer(), may_stall=may_stall)


def decode(answer: dict[str, object], *, may_stall: bool = False) -> Report:
    """Return the report that an answer is.

    Raises:
        BenchError: Something was lost, doubled or out of order, or never came.
    """
    wrong = [name for name in ("lost", "doubled", "disordered") if answer[name]]
    if answer["stalled"] and not may_stall:
        wrong.append("never delivered")
    if wrong:
        raise BenchError(f"events were {' and '.join(wrong)}: {json.dumps(answer)[:500]}")
    raw = json.dumps(answer)
    numbers: dict[str, int] = {k: v for k, v in answer.items() if isinstance(v, int)}
    each = answer["latency_ns"]
    assert isinstance(each, list), raw
    seconds = numbers["wall_ns"] / 1e9
    return Report(
        seconds=seconds,
        busy=numbers["cpu_ns"] / numbers["wall_ns"] if numbers["wall_ns"] else 0.0,
        delivered=numbers["delivered"],
        bytes=numbers["bytes"],
        latencies=tuple(ns / 1e9 for ns in each),
        stalled=bool(answer["stalled"]),
    )
