"""Keeps the files of a log in memory: see ``store/files.py`` for the guarantees."""

from collections.abc import Callable, Sequence

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.files import (
    Row,
    Taken,
    Upload,
    check_references,
    check_room,
    no_file,
)


class MemoryFiles:
    """Rows and contents in dicts."""

    def __init__(self, clock: Callable[[], float], has_request: Callable[[str], bool]) -> None:
        """Begin without files.

        Args:
            clock: Unix time.
            has_request: Whether the log has a request.
        """
        self._clock = clock
        self._has_request = has_request
        self._rows: dict[tuple[str, str], Row] = {}
        self._contents: dict[str, bytes] = {}

    async def put(self, upload: Upload) -> None:
        """Keep a file."""
        check_room(upload, self._taken(upload), limits.MAX_FILES_BYTES_IN_MEMORY)
        at = upload.request_id, upload.sha256
        known = self._rows.get(at)
        is_marked = known is not None and known.referenced
        row = Row(*at, len(upload.content), self._clock(), upload.by, is_marked)
        self._rows[at] = row
        self._contents[upload.sha256] = upload.content

    def _taken(self, upload: Upload) -> Taken:
        others = [row for at, row in self._rows.items() if at != (upload.request_id, upload.sha256)]
        mine = [row.size for row in others if row.request_id == upload.request_id]
        unused = [r.size for r in others if not r.referenced and r.uploaded_by == upload.by]
        held = sum(len(c) for sha256, c in self._contents.items() if sha256 != upload.sha256)
        return Taken(len(mine), sum(mine), len(unused), sum(unused), held)

    async def content(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file."""
        if (request_id, sha256) not in self._rows:
            raise no_file(request_id, sha256)
        return self._contents[sha256]

    def mark(self, events: Sequence[Event]) -> None:
        """Mark the files that new events refer to, all or none.

        Raises:
            InvalidEvent: A question refers to a file that was not uploaded.
            InvalidAnswer: An answer does.
        """
        marked: dict[tuple[str, str], Row] = {}

        def one(request_id: str, sha256: str, size: int) -> bool:
            row = self._rows.get((request_id, sha256))
            if row is None or row.size != size:
                return False
            marked[request_id, sha256] = row._replace(referenced=True)
            return True

        for event in events:
            check_references(event, one)
        self._rows.update(marked)

    async def sweep(self, *, unused_seconds: float = limits.UNUSED_FILE_SECONDS) -> int:
        """Remove what no event refers to any longer."""
        before = self._clock() - unused_seconds
        gone = [at for at, row in self._rows.items() if self._is_spent(row, before)]
        for at in gone:
            del self._rows[at]
        used = {sha256 for _, sha256 in self._rows}
        for sha256 in self._contents.keys() - used:
            del self._contents[sha256]
        return len(gone)

    def _is_spent(self, row: Row, before: float) -> bool:
        return not self._has_request(row.request_id) if row.referenced else row.uploaded_at < before
