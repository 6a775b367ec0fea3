"""Checks that a caller may name a surface (``via``) as the one that a person used.

Some surfaces mean something to a program: ``default`` says that no person decided, ``console`` that
the process that asked was answered on its own terminal. So the server checks who may name a
surface, by the list in ``protocol/surfaces.py``:

    server     the server itself; no caller may name it
    asker      the caller who asked this request
    page       a page in a browser
    program    a program, never a page
    anybody    any caller; also for names that are not in the list

The kernel key may name all but the server's. A page is recognized by the headers that browsers add
to its calls, or by its cookie: a program presents a key. A program that acts like a browser gains
little: the server records its identity beside the surface.

Above: the handlers of answers, claims and events. It knows no transport.
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
from crewai_hitl_nb.protocol.surfaces import SURFACES, NamedBy
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.services import Services

_NOT_YOUR_TERMINAL: Final = (
    "`{}` is the terminal of the process that asked this request; leave `via` out"
)

_OF_A_BROWSER: Final = ("Origin", "Sec-Fetch-Site")
"""Headers that a browser adds to every call that writes."""


class Speaker(Protocol):
    """The caller who says that a person used a surface."""

    @property
    def services(self) -> Services:
        """The objects that the application made."""

    @property
    def request(self) -> HTTPServerRequest:
        """The call."""

    @property
    def caller(self) -> str:
        """The identity whose limits count."""

    @property
    def by_kernel(self) -> bool:
        """Whether the caller has the kernel key."""


def check(speaker: Speaker, via: str, request_id: str | None) -> None:
    """Check that a caller may name a surface for an answer to a request, or for a claim.

    Raises:
        InvalidAnswer: The caller is not that surface.
    """
    if (why := _refusal(speaker, via, request_id)) is not None:
        raise InvalidAnswer.at("via", why)


def check_event(speaker: Speaker, event: Event) -> None:
    """Check that a caller may publish an event with the surface that it names.

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


def is_by_browser(speaker: Speaker) -> bool:
    """Return whether a call has the headers that a browser adds."""
    return any(name in speaker.request.headers for name in _OF_A_BROWSER)


def _refusal(speaker: Speaker, via: str, request_id: str | None) -> str | None:
    """Return why this caller is not that surface, or None."""
    if not ids.is_seen(via):
        return "must be visible characters on one line"
    named = unicodedata.normalize("NFKC", via).casefold().strip()
    named_by = SURFACES.get(named, "anybody")
    if named_by == "server":
        return f"only the server writes `{named}`; leave `via` out, or name the surface people used"
    if speaker.by_kernel:
        foreign = named_by == "asker" and _is_of_another_server(speaker, request_id)
        return _NOT_YOUR_TERMINAL.format(named) if foreign else None
    return _mismatch(speaker, named, named_by, request_id)


def _mismatch(
    speaker: Speaker, named: str, named_by: NamedBy, request_id: str | None
) -> str | None:
    by_browser = is_by_browser(speaker)
    if named_by == "asker" and not _is_its_asker(speaker, request_id):
        return _NOT_YOUR_TERMINAL.format(named)
    if named_by == "page" and not by_browser and _has_key(speaker):
        return f"`{named}` is a page in a browser; a program leaves `via` out, or names itself"
    if named_by == "program" and by_browser:
        return f"`{named}` is the command line, and this call comes from a page; leave `via` out"
    return None


def _is_of_another_server(speaker: Speaker, request_id: str | None) -> bool:
    """Return whether a kernel of another server that shares the log asked a request."""
    broker = speaker.services.broker
    asker = broker.askers.get(request_id or "", "") if broker is not None else ""
    return asker.startswith("kernel:") and asker != speaker.caller


def _has_key(speaker: Speaker) -> bool:
    return bool(kernel_key.credential_of(cast("RequestHandler", speaker)))


def _is_its_asker(speaker: Speaker, request_id: str | None) -> bool:
    """Return whether the caller asked a request, by the commit that asked it.

    A request that is not open passes: the next check refuses it as unknown or closed.
    """
    broker = speaker.services.broker
    if request_id is None or broker is None or not broker.is_pending(request_id):
        return request_id is not None
    return broker.askers.get(request_id) == speaker.caller
