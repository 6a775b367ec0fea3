"""The files of requests: takes uploads, and finds the file that an event of a request refers to.

A file is as visible as its request, and only once an event of the request refers to it: an upload
alone can be read by nobody. Above are the broker and, for a limited key, ``scoped_broker``, which
says which requests exist for it; below is the store.
"""

from collections.abc import Awaitable, Callable

from crewai_hitl_nb.broker.visibility import taken
from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.errors import UnknownRequest
from crewai_hitl_nb.protocol.files import FileReference, files_of
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.files import FileStore, Upload, no_file

Find = Callable[[str], Awaitable[Request]]
"""Returns a request that exists for the caller; raises UnknownRequest."""


class RequestFiles:
    """The files of the requests that exist for one caller."""

    def __init__(self, kept: FileStore, find: Find, find_any: Find | None = None) -> None:
        """Take the store's files.

        Args:
            kept: The files of the log.
            find: See :data:`Find`.
            find_any: The same for all requests, if some do not exist for the caller.
        """
        self._kept = kept
        self._find = find
        self._find_any = find_any or find

    def within(self, find: Find) -> "RequestFiles":
        """Return the files of the requests that exist for another caller."""
        return RequestFiles(self._kept, find, self._find_any)

    async def is_asked(self, request_id: str) -> bool:
        """Return whether a request is open; False if it may still be asked.

        Raises:
            Forbidden: Another caller asked it.
            Settled: It is closed; the error says how.
        """
        try:
            request = await self._find_any(request_id)
        except UnknownRequest:
            return False
        try:
            await self._find(request_id)
        except UnknownRequest:
            raise taken("request", request_id) from None
        if request.status != "pending":
            raise state.closed_error(request_id, request)
        return True

    async def keep(self, upload: Upload) -> None:
        """Keep a file of a request; raises as ``FileStore.put``."""
        await self._kept.put(upload)

    async def reference(self, request_id: str, sha256: str) -> FileReference:
        """Return what the request's events say about a file.

        Raises:
            UnknownRequest: There is no such request.
            NotFound: None of its events refers to such a file.
        """
        request = await self._find(request_id)
        for event in (request.required, request.completion):
            for _, file in files_of(event) if event is not None else ():
                if file.sha256 == sha256:
                    return file
        raise no_file(request_id, sha256)

    async def content(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a file to which an event refers.

        Raises:
            UnknownRequest: There is no such request.
            NotFound: None of its events refers to such a file, or its content is lost.
        """
        await self.reference(request_id, sha256)
        return await self._kept.content(request_id, sha256)

    async def sweep(self) -> int:
        """Remove what no event refers to any longer; return how many files went."""
        return await self._kept.sweep()
