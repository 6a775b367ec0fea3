"""Processes on a core of their own, and what they use of it.

Servers run on the first core, load generators and this program on the last. It knows nothing of
what the processes do.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {CORES[0]}
LOAD_CORE = {CORES[-1]}
STOP_SECONDS = 20.0
START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A benchmark cannot go on; the message says why, and what to do."""


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Start processes within the block on these cores: they inherit the caller's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A process that was started here and is stopped here; its output goes to a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        cores: set[int],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; `env`: beside the variables that this program has."""
        self._log = log
        with log.open("ab") as out, pinned(cores):
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def stop(self) -> None:
        """End it, in good order if it does."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Listening(Child):
    """One that listens on a port, and is there when it does."""

    def __init__(
        self,
        command: Sequence[str | Path],
        port: int,
        log: Path,
        cores: set[int],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Raises:
            BenchError: It ended, or does not listen after so long.
        """
        super().__init__(command, log, cores, env)
        self.port = port
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace")[-2000:]
                raise BenchError(f"{self._process.args!r} did not start:\n{said}")
            time.sleep(0.02)


def _listens(port: int) -> bool:
    """Look without connecting: a server should not meet a caller that says nothing."""
    wanted = f":{port:04X}"
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(wanted) and row.split()[3] == "0A" for row in rows)


def family(pid: int) -> list[int]:
    """Return a process and its children (a server's workers)."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(child for one in children for child in family(int(one)))]
    return [pid]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used."""
    return sum(_cpu_seconds(one) for one in family(pid))


def _cpu_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    with contextlib.suppress(OSError):  # in nanoseconds, where the kernel counts them
        return sum(int(path.read_text().split()[0]) for path in threads) / 1e9
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def memory_bytes(pid: int) -> int:
    """Return the memory of a process and its children that no other process shares."""
    return sum(_memory_bytes(one) for one in family(pid))


def _memory_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))
    return 0
