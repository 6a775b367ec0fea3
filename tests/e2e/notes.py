"""Notes that a kernel sends to the test while its crew runs.

The test listens on a socket; the notebook's first cell defines `note(what)`, which sends the
kernel's own time with each word. So a test awaits what the crew does even when the page was
reloaded or the Jupyter server is gone, without watching a file and without sleeping.
"""

import json
import queue
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WAIT_SECONDS = 30.0

_CELL = """\
import json, os, socket, time

def note(what, detail=""):
    body = {{"what": what, "detail": str(detail), "at": time.time()}}
    with socket.create_connection(("127.0.0.1", {port})) as line:
        line.sendall(json.dumps(body).encode())
        line.shutdown(socket.SHUT_WR)
        line.recv(1)  # closed once the note is kept: the next one cannot overtake it

note("kernel", os.getpid())
"""


@dataclass(frozen=True)
class Note:
    """One note: what happened, and when by the machine's clock."""

    what: str
    detail: str
    at: float


@dataclass
class Notes:
    """The listening end."""

    port: int
    _arrived: "queue.Queue[Note]" = field(default_factory=queue.Queue)

    @property
    def cell(self) -> str:
        """The code that defines `note` in a kernel."""
        return _CELL.format(port=self.port)

    def put(self, note: Note) -> None:
        """Keep a note that has arrived."""
        self._arrived.put(note)

    def await_note(self, what: str, seconds: float = WAIT_SECONDS) -> Note:
        """Return the next note of that kind; others before it are passed over."""
        while True:
            note = self._arrived.get(timeout=seconds)
            if note.what == what:
                return note

    def drain(self) -> list[Note]:
        """Return every note that has arrived and was not awaited."""
        notes = []
        while not self._arrived.empty():
            notes.append(self._arrived.get())
        return notes


@contextmanager
def listen() -> Iterator[Notes]:
    """Listen for notes for the length of a `with` block."""

    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            notes.put(Note(**json.loads(self.rfile.read())))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
        notes = Notes(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield notes
        server.shutdown()
        thread.join()
