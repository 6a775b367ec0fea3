"""The files of a log's requests: what their stores guarantee, and what they share.

The log holds references (``protocol/files.py``), and their content lies beside it:

* **Once for each hash.** Requests with the same content share it; it goes when the last one goes.
* **Durable.** ``put`` returns when the content and its row survive a crash.
* **No event without its files.** An append is refused if its events refer to a file that was not
  uploaded for their request. Otherwise the same transaction marks the files as referred to.
* **No file without an event.** ``sweep`` removes uploads to which no event refers in time, files of
  pruned requests, and what a crash left. However it and uploads and appends follow each other, no
  file to which an event refers is lost.

The layers above decide who may see a request and its files.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FilesFull, NotFound, TooLarge, TooMany
from crewai_hitl_nb.protocol.events import Event, request_id_of
from crewai_hitl_nb.protocol.files import files_of, not_uploaded, size_text


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way into a log.

    Attributes:
        request_id: Its request, which may not be asked yet.
        sha256: The hash of its content.
        content: All of it.
        by: The caller, for the limit of unused uploads.
    """

    request_id: str
    sha256: str
    content: bytes
    by: str


class Row(NamedTuple):
    """A file of a request, as the log's tables have it."""

    request_id: str
    sha256: str
    size: int
    uploaded_at: float
    uploaded_by: str
    referenced: bool


class Taken(NamedTuple):
    """What is in use before an upload: of its request, of its caller unused, and of the log."""

    files: int
    bytes_of_request: int
    unused: int
    bytes_unused: int
    bytes_in_all: int


class FileStore(Protocol):
    """Keeps the files of a log. Every method may raise ``StoreUnavailable``."""

    async def put(self, upload: Upload) -> None:
        """Keep a file; the same one again changes nothing but its time.

        Raises:
            FilesFull: The log has no room for it.
            TooLarge: The request has no room for it.
            TooMany: The caller has too many uploads to which no event refers.
        """

    async def content(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file, whose hash was checked.

        Raises:
            NotFound: The request has no such file, or its content is lost or altered.
        """

    async def sweep(self, *, unused_seconds: float = limits.UNUSED_FILE_SECONDS) -> int:
        """Remove what no event refers to any longer; return how many files went."""


def check_room(upload: Upload, taken: Taken, most: int) -> None:
    """Refuse an upload for which there is no room.

    Args:
        upload: The upload.
        taken: What is in use without it.
        most: Bytes of all files of the log.

    Raises:
        FilesFull: The log has no room for it.
        TooLarge: The request has no room for it.
        TooMany: The caller has too many uploads to which no event refers.
    """
    size = len(upload.content)
    if taken.files >= limits.MAX_FILES_PER_REQUEST:
        most_files = limits.MAX_FILES_PER_REQUEST
        raise TooLarge(
            f"a request can have at most {most_files} files; send several as one archive",
            limit=most_files,
        )
    if taken.bytes_of_request + size > limits.MAX_FILES_BYTES_PER_REQUEST:
        room = limits.MAX_FILES_BYTES_PER_REQUEST
        raise TooLarge(
            f"the files of a request can have at most {size_text(room)} together", limit=room
        )
    if taken.bytes_in_all + size > most:
        raise FilesFull(
            f"the files of this log take {size_text(taken.bytes_in_all)}, and {size_text(most)} is"
            " the most; they go with old requests: keep those for fewer days (`retain_days`)",
            limit=most,
        )
    if (
        taken.bytes_unused + size > limits.MAX_UNUSED_BYTES_PER_CALLER
        or taken.unused >= limits.MAX_UNUSED_FILES_PER_CALLER
    ):
        raise TooMany(
            f"you uploaded {taken.unused} files ({size_text(taken.bytes_unused)}) that no question"
            " and no answer refers to; send those first",
            retry_after=limits.MAX_RETRY_AFTER_SECONDS,
        )


def check_references(event: Event, mark: Callable[[str, str, int], bool]) -> None:
    """Mark the files that an event refers to, or refuse the event.

    Args:
        event: A new event.
        mark: Marks the file of a request with this hash and size; returns False if there is none.

    Raises:
        InvalidEvent: The question refers to a file that was not uploaded.
        InvalidAnswer: The answer does.
    """
    for where, request_id, sha256, size in references(event):
        if not mark(request_id, sha256, size):
            raise not_uploaded(event, where)


def references(event: Event) -> Iterator[tuple[str, str, str, int]]:
    """Yield path, request, hash and size of each file that an event refers to."""
    request_id = request_id_of(event)
    if request_id is not None:  # an event of no request gives nobody a right to read a file
        for where, file in files_of(event):
            yield where, request_id, file.sha256, file.size


def have_files(events: Sequence[Event]) -> bool:
    """Return whether one of these events refers to a file."""
    return any(True for event in events for _ in references(event))


def no_file(request_id: str, sha256: str) -> NotFound:
    """Return the error for a file that a request does not have."""
    return NotFound(f"request `{request_id}` has no file with the hash {sha256}")


def lost_content(sha256: str) -> NotFound:
    """Return the error for a file whose content is lost."""
    return NotFound(
        f"the content of the file with the hash {sha256} was removed or changed on the server; ask"
        " its operator to restore it from a backup"
    )
