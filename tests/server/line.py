"""One connection to the server, and the replies on it as they are on the wire."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
import httpx

from tests.server.door import PATIENCE_SECONDS, Door


class Line:
    """The connection; who asks something by it adds how.

    Attributes:
        path: Where the endpoints begin.
        host: What a call says in its ``Host``.
    """

    def __init__(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.path = httpx.URL(door.url).raw_path.decode()
        self.host = httpx.URL(door.url).netloc.decode()
        self.token = door.token

    async def head_and_body(self) -> tuple[str, bytes]:
        """Return the next reply; one that names no length has no body."""
        with anyio.fail_after(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"Content-Length: (\d+)", head)
            return head, await self.reader.readexactly(int(length.group(1)) if length else 0)


AnyLine = TypeVar("AnyLine", bound=Line)


@asynccontextmanager
async def connected(door: Door, kind: type[AnyLine]) -> AsyncIterator[AnyLine]:
    """Connect for the length of a `with` block."""
    url = httpx.URL(door.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield kind(door, reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
