"""What strangers and callers can do to a standalone server: ``python -m tests.soak.loads``.

Each load goes to a fresh server with default settings, as much of it as once filled the machine,
and is left standing while the server's memory and its ``health`` are watched from another process.
One line for each: the most memory, the slowest answer of ``health`` to somebody new, and the most
that the server itself computed between such a question and its answer: on a busy machine the rest
is the machine's.

It ends with 1 when memory goes above the bound of ``docs/limits.md``, or the server computed
for more than a second. Names of loads as arguments choose among them.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import httpx

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.auth.keyring import ACTIONS, Keyring
from tests.e2e.chromium import headless_chromium
from tests.hostile.served import KEY, Served, question, served
from tests.hostile.test_memory import MEGABYTE, MOST_MEGABYTES, stream
from tests.soak.crowd import allow_many_files

MOST_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.05
REST_SECONDS: Final = 0.2
STAND_SECONDS: Final = 5.0
"""How long a load stands, at least."""

Seen = tuple[int, float, float, int]
Load = Callable[[Served, ExitStack], str]


def cpu_seconds(pid: int) -> float:
    """Return what a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(url: str, pid: int, told: Connection) -> None:
    """Look until told to stop; then say what was seen."""
    most, slowest, work, unheard = 0, 0.0, 0.0, 0
    while not told.poll():
        began, computed = time.monotonic(), cpu_seconds(pid)
        try:
            httpx.get(url + "health", timeout=30).raise_for_status()
        except httpx.HTTPError:
            unheard += 1
        slowest = max(slowest, time.monotonic() - began)
        work = max(work, cpu_seconds(pid) - computed)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                most = int(line.split()[1]) // 1024
        time.sleep(LOOK_SECONDS)
    told.send((most, slowest, work, unheard))


@contextmanager
def watched(server: Served) -> Iterator[list[Seen]]:
    """Watch for the length of a block; what was seen is in the list behind it."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (server.url, server.process.pid, theirs)
    process = multiprocessing.get_context("spawn").Process(target=watch, args=arguments)
    process.start()
    theirs.close()
    seen: list[Seen] = []
    try:
        yield seen
        ours.send("stop")
        seen.append(ours.recv())
    finally:
        process.terminate()
        process.join()


# ---- without a key


def bodies_of_strangers(server: Served, stack: ExitStack) -> str:
    """Send bodies that nobody may send, and never end them."""
    head = server.head("POST /events HTTP/1.1", "Content-Length: 16777216", key="wrong")
    for _ in range(120):
        connection = stack.enter_context(server.connect())
        with suppress(OSError):  # it is refused before it ends
            connection.sendall(head + b" " * 16_777_215)
    return "120 bodies of 16 MB"


def half_heads(server: Served, stack: ExitStack) -> str:
    """Open connections and never end their first request."""
    for _ in range(2000):
        connection = stack.enter_context(server.connect())
        with suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"h" * 30_000)
    return "2,000 heads of 30 KB, not ended"


# ---- with one


def bodies_of_a_caller(server: Served, stack: ExitStack) -> str:
    """Send the largest bodies and never end them."""
    size = limits.MAX_BODY_BYTES
    head = server.head("POST /events HTTP/1.1", f"Content-Length: {size}")
    for _ in range(200):
        connection = stack.enter_context(server.connect())
        with suppress(OSError):
            connection.sendall(head + b" " * (size - 1))
    return "200 bodies of 8 MB, not ended"


def ask(server: Served, questions: int = limits.MAX_PENDING_REQUESTS, key: str = KEY) -> int:
    """Ask questions of a megabyte, at most so many; return how many were taken."""
    with server.http(key) as http:
        for number in range(questions):
            reply = http.post("events", json=question(f"{key[-8:]}-{number}", MEGABYTE))
            if reply.status_code != httpx.codes.OK:
                return number
    return questions


def listings(server: Served, stack: ExitStack) -> str:
    """Ask for listings of large requests and read none."""
    asked = ask(server, 100)
    for _ in range(100):
        connection = stack.enter_context(server.connect())
        connection.sendall(server.head("GET /requests?limit=500 HTTP/1.1"))
    return f"100 unread listings of {asked} MB"


def streams(server: Served, stack: ExitStack) -> str:
    """Open streams with a filter each, read none, and ask questions."""
    for number in range(250):
        stack.enter_context(stream(server, number))
    return f"250 unread streams, {ask(server, 100)} MB asked"


def replays(server: Served, stack: ExitStack) -> str:
    """Ask for the whole log over and over and read none of it."""
    asked = ask(server, 100)
    for _ in range(400):
        connection = stack.enter_context(server.connect())
        connection.sendall(server.head("GET /events/human-input?replay=all HTTP/1.1"))
    return f"400 unread replays of {asked} MB"


def questions(server: Served, stack: ExitStack) -> str:
    """Ask questions of a megabyte until the server takes no further one."""
    return f"{ask(server)} open questions of 1 MB"


def questions_of_two_keys(server: Served, stack: ExitStack) -> str:
    """Ask questions of a megabyte with one key, then with another, until neither may ask more."""
    _, second = Keyring(server.log.parent / "keys").add(
        "second", ACTIONS.values(), datetime.now(timezone.utc)
    )
    asked = ask(server), ask(server, key=second)
    return f"{asked[0]} and {asked[1]} open questions of 1 MB by two keys"


def lost_processes(server: Served, stack: ExitStack) -> str:
    """Ask for processes that are not connected, until each question was taken back."""
    number, batch = 8_500, 500
    with server.http() as http:
        for first in range(0, number, batch):
            names = [f"q{n}" for n in range(first, first + batch)]
            events = [question(name, source={"id": name}) for name in names]
            http.post("events", json=events).raise_for_status()
        while http.get("requests?status=pending&limit=1").json()["requests"]:
            time.sleep(REST_SECONDS)
    return f"{number} lost processes"


FIRST_CARD: Final = """
window.first = null;
new MutationObserver(() => {
  if (document.querySelector('[data-testid=hitl-context]')) window.first ??= performance.now();
}).observe(document, {subtree: true, childList: true});
"""


def page(server: Served, stack: ExitStack) -> str:
    """Open the inbox page beside as many questions of a megabyte as are taken."""
    asked = ask(server)
    browser_page = stack.enter_context(headless_chromium()).new_page()
    browser_page.add_init_script(FIRST_CARD)
    browser_page.goto(f"{server.url}?token={KEY}")
    browser_page.get_by_test_id("hitl-context").first.wait_for(timeout=120_000)
    first = browser_page.evaluate("Math.round(window.first)")
    count = browser_page.get_by_test_id("hitl-count")
    count.filter(has_text=str(asked)).wait_for(timeout=120_000)
    last = browser_page.evaluate("Math.round(performance.now())")
    heap = browser_page.evaluate("performance.memory.usedJSHeapSize") >> 20
    return f"the page, {asked} of 1 MB: first {first} ms, all {last} ms, {heap} MB of the page"


LOADS: Final[dict[str, tuple[Load, bool]]] = {
    "bodies-of-strangers": (bodies_of_strangers, False),
    "half-heads": (half_heads, False),
    "bodies": (bodies_of_a_caller, False),
    "listings": (listings, True),
    "streams": (streams, True),
    "replays": (replays, True),
    "questions": (questions, True),
    "questions-in-memory": (questions, False),
    "questions-of-two-keys": (questions_of_two_keys, True),
    "lost-processes": (lost_processes, True),
    "lost-processes-in-memory": (lost_processes, False),
    "page": (page, True),
}
"""By name; whether the server has a file."""


def await_rest(pid: int) -> None:
    """Wait until a process does nothing: a server loads some of its parts behind its start."""
    before, now = -1.0, 0.0
    while now != before:
        time.sleep(REST_SECONDS)
        before, now = now, cpu_seconds(pid)


def measure(load: Load, has_file: bool) -> tuple[str, Seen]:
    """Put one load on a server; return what it was, and what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--keys-file", f"{folder}/keys"]
        if has_file:
            options += ["--store", f"{folder}/log.db"]
        usual = (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])

        def as_usual() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)

        with served(Path(folder), *options, before=as_usual) as server:
            await_rest(server.process.pid)
            with ExitStack() as stack, watched(server) as seen:
                what = load(server, stack)
                time.sleep(STAND_SECONDS)
            return what, seen[0]


def main(names: list[str]) -> int:
    """Measure, print a line for each load, and say whether all is within bounds."""
    allow_many_files()
    fine = True
    for name in names or LOADS:
        what, (most, slowest, work, unheard) = measure(*LOADS[name])
        fine = fine and most < MOST_MEGABYTES and work < MOST_SECONDS and not unheard
        health = f"health {slowest:.2f} s (its own work {work:.2f} s), {unheard} unheard"
        print(f"{what:<75} {most:>4} MB  {health}", flush=True)  # noqa: T201
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
