"""Where a trail comes from: a server that is asked page by page, or the file of a log.

Both give the same pages. The file is read by the server half, which is imported only then.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.audit.chain import Head

_PAGE: Final = 1000
_SECONDS: Final = 30.0


class Place(msgspec.Struct, frozen=True):
    """A place in the chain, as it is sent."""

    offset: int
    seal: str

    @property
    def head(self) -> Head:
        """The same as the chain knows it."""
        return Head(self.offset, bytes.fromhex(self.seal))


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record, as it is sent; its event stays as it came."""

    offset: int
    seal: str
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    digest: str = ""
    before: str = ""


class Page(msgspec.Struct, frozen=True):
    """The reply of ``GET audit``."""

    epoch: str
    complete: bool
    start: Place
    entries: list[Entry]
    head: Place
    next: str | None


Pages: TypeAlias = Callable[[int], Awaitable[Page]]
"""Takes the offset to go on after, 0 to begin."""


@asynccontextmanager
async def pages_of_server(settings: Settings) -> AsyncIterator[Pages]:
    """Ask the server that the settings name.

    Raises:
        HitlError: It cannot be found or reached, or refuses.
    """
    from crewai_hitl_nb.client.http import call, open_http

    async with open_http(settings.endpoint(), seconds=_SECONDS) as http:

        async def page(after: int) -> Page:
            params = {"after": str(after), "limit": str(_PAGE)}
            # Decoded and encoded again an event is the same compact JSON (``protocol/audit``).
            raw = await call(http, "GET", "audit", params=params)
            return msgspec.json.decode(msgspec.json.encode(raw), type=Page)

        yield page


@asynccontextmanager
async def pages_of_file(path: Path) -> AsyncIterator[Pages]:
    """Read the file of a log, also of one that a server has open.

    Raises:
        StoreUnavailable: It is no log, or cannot be read.
    """
    from crewai_hitl_nb.server.api.audit import page_to_wire
    from crewai_hitl_nb.store.sqlite.read_only import looking_at

    with looking_at(path) as (epoch, look):

        async def page(after: int) -> Page:
            wire = page_to_wire(look(after, _PAGE), epoch)
            return msgspec.json.decode(msgspec.json.encode(wire), type=Page)

        yield page
