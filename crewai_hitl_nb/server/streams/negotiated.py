"""``v1/crews/{crew_id}/human-input-stream``: the path of the feature request (#3259).

One path serves three transports by negotiation: a WebSocket when the request asks for the
upgrade, Server-Sent Events when it accepts them, else one poll. The events are those of that crew
in the feature request's dialect (``protocol/dialects.py``). Resume, replay, heartbeats and frames
up work as on the other paths.

Above: the two hosts, which add these routes. Below: the handlers of the three transports.
"""

from collections.abc import Callable
from typing import Any, Final

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches

from crewai_hitl_nb.protocol.dialects import FEATURE_REQUEST
from crewai_hitl_nb.server.streams.poll import PollHandler
from crewai_hitl_nb.server.streams.sse import EventStreamHandler
from crewai_hitl_nb.server.streams.websocket import StreamSocket

PATH: Final = r"v1/crews/(?P<crew_id>[^/]+)/human-input-stream"


class Negotiated(PathMatches):
    """Matches a path when the request's headers ask for the handler's transport."""

    def __init__(self, pattern: str, asks: Callable[[HTTPServerRequest], bool]) -> None:
        """Take a path pattern and a check of the request."""
        super().__init__(pattern)
        self._asks = asks

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return the path's parts, or None for the next route to try."""
        return super().match(request) if self._asks(request) else None


class CrewSocket(StreamSocket):
    """The crew's events by WebSocket."""

    dialect = FEATURE_REQUEST


class CrewEventStream(EventStreamHandler):
    """The crew's events by Server-Sent Events."""

    dialect = FEATURE_REQUEST


class CrewPoll(PollHandler):
    """The crew's events by polling."""

    dialect = FEATURE_REQUEST


def asks_for_websocket(request: HTTPServerRequest) -> bool:
    """Say whether the request asks to become a WebSocket (RFC 6455, 4.1)."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def asks_for_event_stream(request: HTTPServerRequest) -> bool:
    """Say whether the request accepts Server-Sent Events."""
    return "text/event-stream" in request.headers.get("Accept", "").lower()


def asks_for_anything(request: HTTPServerRequest) -> bool:
    """Match every other request."""
    return True


NEGOTIATED: Final = (
    (asks_for_websocket, CrewSocket),
    (asks_for_event_stream, CrewEventStream),
    (asks_for_anything, CrewPoll),
)


def rules(prefix: str, **kwargs: Any) -> list[tuple[PathMatches, type[Any], dict[str, Any]]]:
    """Return the routes below a prefix, in the order in which they are tried."""
    return [(Negotiated(prefix + PATH, asks), handler, kwargs) for asks, handler in NEGOTIATED]
