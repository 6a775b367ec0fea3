"""The two sources of an audit trail: a server, asked page by page, or a log's file or database.

Both give the same pages. The server half, which reads the log, is imported only when needed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.audit.chain import Head

if TYPE_CHECKING:
    from crewai_hitl_nb.store.open import Location

_PAGE: Final = 1000
_SECONDS: Final = 30.0


class Place(msgspec.Struct, frozen=True):
    """A position in the chain, as the server sends it."""

    offset: int
    seal: str

    @property
    def head(self) -> Head:
        """The same position as a :class:`Head` of the chain."""
        return Head(self.offset, bytes.fromhex(self.seal))


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record, as the server sends it; its event stays encoded."""

    offset: int
    seal: str
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    digest: str = ""
    before: str = ""


class Page(msgspec.Struct, frozen=True):
    """The response of ``GET audit``."""

    epoch: str
    chain: str
    complete: bool
    start: Place
    entries: list[Entry]
    head: Place
    next: str | None


Pages: TypeAlias = Callable[[int], Awaitable[Page]]
"""Returns the page after an offset; 0 for the first page."""


@asynccontextmanager
async def pages_of_server(settings: Settings) -> AsyncIterator[Pages]:
    """Read the trail from the server that the settings name.

    Raises:
        HitlError: The server cannot be found or reached, or it refuses.
    """
    from crewai_hitl_nb.client.http import call, open_http

    async with open_http(settings.endpoint(), seconds=_SECONDS) as http:

        async def page(after: int) -> Page:
            params = {"after": str(after), "limit": str(_PAGE)}
            # An event that is decoded and encoded again is the same compact JSON
            # (``protocol/audit``).
            raw = await call(http, "GET", "audit", params=params)
            return msgspec.json.decode(msgspec.json.encode(raw), type=Page)

        yield page


@asynccontextmanager
async def pages_of_store(settings: Settings, location: "Location") -> AsyncIterator[Pages]:
    """Read the trail from a log itself, which servers may have open.

    Raises:
        StoreUnavailable: It is not a log, or cannot be read.
    """
    from crewai_hitl_nb.server.api.audit import page_to_wire
    from crewai_hitl_nb.store.open import looking_at

    with looking_at(location) as stored:
        if stored.mark is not None:
            settings.screen.ask(f"note: {stored.mark}")

        async def page(after: int) -> Page:
            epoch, found = stored.page(after, _PAGE)
            wire = page_to_wire(found, epoch)
            return msgspec.json.decode(msgspec.json.encode(wire), type=Page)

        yield page
