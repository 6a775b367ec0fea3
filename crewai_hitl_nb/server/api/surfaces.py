"""Which surface a caller may name as the one that a person used: ``via``.

A record of who answered is worth what it can be trusted for, and some surfaces mean
something to a program: ``default`` says that no person decided, ``console`` that the process
that asked was answered on its own terminal. So the server looks at what it is told:

    default, resume                       the server's own words; nobody sends them
    console                               whoever asked this request, or the kernel key
    card, inbox, lab, page, panel         a browser's page, or the kernel key
    cli                                   a program, never a page
    widget, api, any name of one's own    everybody: a widget's page speaks through its kernel,
                                          with whatever key that has

A page is told by what browsers add to its calls by themselves, or by its cookie: a program
presents a key. One that acts like a browser takes some trouble to lie in its own name; who it
is stands beside it and is the server's to say.

Above: whatever takes an answer, a claim or an event. It knows no transport.
"""

import unicodedata
from typing import Final, Protocol, cast

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from crewai_hitl_nb.protocol import ids
from crewai_hitl_nb.protocol.errors import InvalidAnswer, InvalidEvent
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputClaimed,
    HumanInputCompleted,
    UnknownEvent,
)
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.services import Services

SERVERS_OWN: Final = frozenset(("default", "resume"))
CONSOLE: Final = "console"
OF_A_PAGE: Final = frozenset(("card", "inbox", "lab", "page", "panel"))
OF_A_PROGRAM: Final = "cli"

_OF_A_BROWSER: Final = ("Origin", "Sec-Fetch-Site")
"""Headers that a browser adds by itself to every call that writes."""


class Speaker(Protocol):
    """Who says that a person used a surface."""

    @property
    def services(self) -> Services:
        """What the application made."""

    @property
    def request(self) -> HTTPServerRequest:
        """The call."""

    @property
    def caller(self) -> str:
        """Whose limits count."""

    @property
    def by_kernel(self) -> bool:
        """Whether the caller has the kernel key."""


def check(speaker: Speaker, via: str, request_id: str | None) -> None:
    """Let a caller name a surface for an answer to a request, or for a claim.

    Raises:
        InvalidAnswer: The caller is not that surface.
    """
    if (why := _refusal(speaker, via, request_id)) is not None:
        raise InvalidAnswer.at("via", why)


def check_event(speaker: Speaker, event: Event) -> None:
    """Let a caller publish what an event says about the surface it came from.

    Raises:
        InvalidEvent: The caller is not that surface.
    """
    if isinstance(event, HumanInputCompleted):
        place, by = "answered_by.via", event.answered_by
    elif isinstance(event, HumanInputClaimed):
        place, by = "claimed_by.via", event.claimed_by
    else:
        via = event.fields.get("via") if isinstance(event, UnknownEvent) else None
        if isinstance(via, str) and (why := _refusal(speaker, via, None)) is not None:
            raise InvalidEvent.at("via", why)
        return
    if by is not None and (why := _refusal(speaker, by.via, event.request_id)) is not None:
        raise InvalidEvent.at(place, why)


def _refusal(speaker: Speaker, via: str, request_id: str | None) -> str | None:
    """Return why this caller is not that surface, or None."""
    if not ids.is_seen(via):
        return "must be visible characters on one line"
    named = unicodedata.normalize("NFKC", via).casefold().strip()
    if named in SERVERS_OWN:
        return f"`{named}` is for the server to say; leave `via` out, or name what people used"
    return None if speaker.by_kernel else _not_this_one(speaker, named, request_id)


def _not_this_one(speaker: Speaker, named: str, request_id: str | None) -> str | None:
    by_browser = any(name in speaker.request.headers for name in _OF_A_BROWSER)
    if named == CONSOLE and not _is_its_asker(speaker, request_id):
        return "`console` is the terminal of whoever asked this request; leave `via` out"
    if (
        named in OF_A_PAGE
        and not by_browser
        and kernel_key.credential_of(cast("RequestHandler", speaker))
    ):
        return f"`{named}` is a page in a browser; a program leaves `via` out, or names itself"
    if named == OF_A_PROGRAM and by_browser:
        return f"`{named}` is the command line, and this is a page; leave `via` out"
    return None


def _is_its_asker(speaker: Speaker, request_id: str | None) -> bool:
    """Say whether a request is the caller's own, by the commit that asked it.

    One that is not open passes: that it is unknown or closed matters more, and is said next.
    """
    broker = speaker.services.broker
    if request_id is None or broker is None or not broker.is_pending(request_id):
        return request_id is not None
    return broker.askers.get(request_id) == speaker.caller
