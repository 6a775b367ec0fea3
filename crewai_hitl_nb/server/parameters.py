"""Query parameters of streams and listings, decoded once into types."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec
from tornado import web

from crewai_hitl_nb.broker.delivery.subscription import Replay, Start
from crewai_hitl_nb.protocol import dialects, limits
from crewai_hitl_nb.protocol.brief import Texts
from crewai_hitl_nb.protocol.dialects import Dialect
from crewai_hitl_nb.protocol.errors import BadRequest
from crewai_hitl_nb.protocol.search import words_of
from crewai_hitl_nb.protocol.state import Listed
from crewai_hitl_nb.store.base import Match, RequestQuery

Order: TypeAlias = Literal["oldest", "newest"]
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
N = TypeVar("N", int, float)


def match(
    handler: web.RequestHandler, execution_id: str | None, crew_id: str | None = None
) -> Match:
    """Return which events the caller wants; what the path names wins.

    Raises:
        BadRequest: Naming the parameter.
    """
    names = ",".join(handler.get_query_arguments("type")).split(",")
    types = frozenset(name.strip() for name in names if name.strip())
    return Match(
        execution_id=_id("execution_id", execution_id),
        crew_id=_id("crew_id", crew_id or _sent(handler, "crew_id")),
        types=types or None,
    )


def start(handler: web.RequestHandler, default: Replay) -> Start:
    """Return where the stream begins. The ``Last-Event-ID`` header wins.

    Raises:
        BadRequest: Naming the parameter.
    """
    header = _utf8(handler.request.headers.get("Last-Event-ID", ""))
    last = header or _sent(handler, "last_event_id") or None
    replay = _typed(handler, "replay", Replay, default)
    return Start(last_event_id=_id("last_event_id", last), replay=replay)


def wants_brief(handler: web.RequestHandler) -> bool:
    """Say whether the caller wants large questions in brief.

    Raises:
        BadRequest: Naming the parameter.
    """
    return bool(_typed(handler, "texts", Texts, "whole") == "brief")


def dialect(handler: web.RequestHandler, own: Dialect) -> Dialect:
    """Return how the caller wants events said, where the path speaks this dialect.

    Raises:
        BadRequest: Naming the parameter.
    """
    return dialects.BRIEF[own] if wants_brief(handler) else own


def check_origin(handler: web.RequestHandler) -> None:
    """Check that the origin, if there is one, is an address; whose, the host looks at.

    Raises:
        BadRequest: It is none, at which the host would fall over.
    """
    try:
        urlsplit(handler.request.headers.get("Origin", ""))
    except ValueError:
        raise BadRequest("the `Origin` header is no address") from None


def source(handler: web.RequestHandler) -> str | None:
    """Return the waiter that this connection is, if any."""
    return _id("source", _sent(handler, "source"))


def number(handler: web.RequestHandler, name: str, *, default: float, most: float) -> float:
    """Return a number from 0 to ``most``; a larger one is taken as ``most``.

    Raises:
        BadRequest: It is no number, or below 0.
    """
    return min(_number(handler, name, default, float, least=0), most)


def count(handler: web.RequestHandler, name: str, *, default: int, most: int) -> int:
    """Return a whole number from 1 to ``most``; a larger one is taken as ``most``.

    Raises:
        BadRequest: It is no whole number, or below 1.
    """
    return min(_number(handler, name, default, int, least=1), most)


def place(handler: web.RequestHandler, name: str) -> int:
    """Return a place in the log; 0 without, which is before all of it.

    Raises:
        BadRequest: It is none.
    """
    said = handler.get_query_argument(name, "") or "0"
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        raise BadRequest(f"`{name}` is the `next` of the page before; leave it out to begin")
    return int(said)


def request_query(handler: web.RequestHandler) -> RequestQuery:
    """Return which requests a listing shows.

    Raises:
        BadRequest: Naming the parameter.
    """
    cursor = handler.get_query_argument("cursor", "")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadRequest("`cursor` is the `next` of the page before; leave it out to begin")
    order = _typed(handler, "order", Order, "oldest")
    search = handler.get_query_argument("q", "")
    if len(search) > limits.MAX_SEARCH_CHARS:
        raise BadRequest(f"`q` has at most {limits.MAX_SEARCH_CHARS} characters")
    wanted: dict[str, Any] = {
        name: _id(name, _sent(handler, name))
        for name in ("execution_id", "crew_id", "kind", "assignee")
    }
    return RequestQuery(
        status=_typed(handler, "status", Listed, None),
        words=words_of(search),
        closed_after=_moment(handler, "closed_after"),
        newest_first=order == "newest",
        after=int(cursor) if cursor else None,
        limit=count(
            handler,
            "limit",
            default=limits.DEFAULT_PAGE_REQUESTS,
            most=limits.MAX_PAGE_REQUESTS,
        ),
        **wanted,
    )


def _typed(handler: web.RequestHandler, name: str, kind: Any, default: Any) -> Any:
    given = handler.get_query_argument(name, None)
    if not given:
        return default
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError:
        allowed = ", ".join(kind.__args__)
        raise BadRequest(f"`{name}` is one of {allowed}, not `{given[:50]}`") from None


def _moment(handler: web.RequestHandler, name: str) -> float | None:
    given = _sent(handler, name)
    if not given:
        return None
    try:
        return msgspec.convert(given, Moment).timestamp()
    except (msgspec.ValidationError, OverflowError):
        raise BadRequest(
            f"`{name}` is a time with its zone such as 2026-11-30T09:00:00Z, not `{given[:50]}`; "
            "in an address `+` is written `%2B`"
        ) from None


def _number(
    handler: web.RequestHandler, name: str, default: N, kind: Callable[[str], N], *, least: N
) -> N:
    given = handler.get_query_argument(name, None)
    if not given:
        return default
    try:
        value = kind(given)
    except ValueError:
        value = kind("-1")
    if not value >= least:  # refuses NaN as well
        raise BadRequest(f"`{name}` is a number from {least} on, not `{given[:50]}`")
    return value


def _sent(handler: web.RequestHandler, name: str) -> str | None:
    """Return a parameter as it was sent; Tornado would take out what an id may well hold."""
    values = handler.request.query_arguments.get(name)
    return handler.decode_argument(values[-1], name) if values else None


def _utf8(header: str) -> str:
    """Return a header that a browser sent as UTF-8 (HTML, 9.2.3); Tornado reads Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _id(name: str, value: str | None) -> str | None:
    if value is not None and not 0 < len(value) <= limits.MAX_ID_CHARS:
        raise BadRequest(f"`{name}` has 1 to {limits.MAX_ID_CHARS} characters")
    return value
