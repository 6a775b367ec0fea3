"""``hitl.history()``: what people decided, as a data frame.

It asks a server for the questions that have ended and turns each into a row
(``protocol/records.py``). pandas is imported only here, only when called, and only if it is
installed.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from importlib import import_module
from importlib.util import find_spec
from itertools import starmap
from typing import Any, Final

import msgspec

from crewai_hitl_nb.client.client import Client
from crewai_hitl_nb.client.discovery import require_endpoint
from crewai_hitl_nb.client.results import Request
from crewai_hitl_nb.protocol.arguments import WrongArgument
from crewai_hitl_nb.protocol.events import ClosingEvent
from crewai_hitl_nb.protocol.records import FIELDS, Record, record_of
from crewai_hitl_nb.tracebacks import short_traceback


@short_traceback
def history(
    since: date | timedelta | None = None,
    until: date | timedelta | None = None,
    *,
    crew_id: str | None = None,
    execution_id: str | None = None,
    kind: str | None = None,
    search: str | None = None,
    url: str | None = None,
    token: str | None = None,
) -> Any:
    """Return the questions that have ended, one row each, oldest first.

    Needs neither crewAI nor :func:`enable`. The rows go back as far as the server keeps events.

    Args:
        since: Only questions that ended then or later: a ``datetime``, a ``date``, or a
            ``timedelta`` before now. A time without a zone, and a date's midnight, are local.
        until: Only questions that ended before then.
        crew_id: Only those of this crew, by its id.
        execution_id: Only those of this run.
        kind: Only this kind, e.g. ``tool_approval``.
        search: Words that must all occur in the question, the names of its asker or the answer.
        url: The server's URL prefix. Default: find the server, as :func:`enable` does.
        token: The server's token.

    Returns:
        A pandas data frame, or a list of dicts where pandas is not installed. The columns are the
        fields of :class:`crewai_hitl_nb.protocol.records.Record`: ``question``, ``draft``,
        ``decision``, ``words``, ``edit``, ``seconds``, ``person``, ``crew``, ``agent``, ``task``,
        ``tool`` … ``asked_at`` and ``closed_at`` are in UTC.

    Raises:
        WrongArgument: An argument has the wrong type.
        NoServer: No server was found.
        HitlError: The server refused the call, or cannot be reached.
    """
    begin, end = moment("since", since), moment("until", until)
    endpoint = require_endpoint(url, token)
    with Client(endpoint.url, endpoint.token) as client:
        found = client.requests(
            status="closed",
            crew_id=crew_id,
            execution_id=execution_id,
            kind=kind,
            search=search,
            closed_after=asked_since(begin),
        )
    rows = [msgspec.structs.asdict(record) for record in records(found, begin, end)]
    return _frame(rows) if find_spec("pandas") is not None else rows


def moment(name: str, given: object) -> datetime | None:
    """Return a time with a zone.

    Raises:
        WrongArgument: It is neither a time nor a time span, or beyond all dates.
    """
    if given is None:
        return None
    try:
        if isinstance(given, timedelta):
            return datetime.now(timezone.utc) - given
        if isinstance(given, date):
            at = given if isinstance(given, datetime) else datetime.combine(given, time())
            return at.astimezone(timezone.utc)  # reads a time without a zone as local
    except (OverflowError, ValueError):
        pass  # beyond the years that a datetime can have
    raise WrongArgument(name, "a date, a datetime or a timedelta", given)


_CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""The server filters by the clock of its log, which may be another machine's, and the rows have the
time of the event. So it is asked for a little more, and the rows decide."""


def asked_since(begin: datetime | None) -> datetime | None:
    """Return the ``closed_after`` with which a server returns all that ended since."""
    try:
        return None if begin is None else begin - _CLOCKS_DIFFER
    except OverflowError:
        return None  # before all dates: everything


def closed_between(
    requests: Iterable[Request], begin: datetime | None, end: datetime | None
) -> list[tuple[Request, ClosingEvent]]:
    """Return the requests that ended within a span of time, each with its last event, by time."""
    closed = [(one, one.completion) for one in requests if one.completion is not None]
    within = [
        (request, closing)
        for request, closing in closed
        if (begin is None or closing.timestamp >= begin)
        and (end is None or closing.timestamp < end)
    ]
    return sorted(within, key=lambda pair: pair[1].timestamp)


def records(
    requests: Iterable[Request], begin: datetime | None, end: datetime | None
) -> Iterator[Record]:
    """Yield a row for each request that ended within a span of time, oldest first."""
    return starmap(record_of, closed_between(requests, begin, end))


def _frame(rows: list[dict[str, Any]]) -> Any:
    pd: Any = import_module("pandas")
    frame = pd.DataFrame(rows, columns=list(FIELDS))
    times = dict.fromkeys(("asked_at", "closed_at"), "datetime64[us, UTC]")
    return frame.astype({**times, "seconds": "float64", "round": "int64"})
