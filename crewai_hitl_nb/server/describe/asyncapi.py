"""Makes ``asyncapi.json``: the streams in AsyncAPI 3.0.

A channel is a stream's address, by WebSocket or Server-Sent Events; it *sends* events and
control frames, and a WebSocket *receives* frames that each get one ack or error. The
addresses come from the table of routes, the payloads from ``schemas``. Calls with one
reply (polling, publishing, answering) are in ``openapi``.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb import __version__
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import KNOWN_TYPES
from crewai_hitl_nb.server.describe import openapi, schemas
from crewai_hitl_nb.server.describe.operations import (
    CREW,
    IN_PATH,
    OPERATIONS,
    RESUME,
    SOURCE,
    Parameter,
)
from crewai_hitl_nb.server.describe.schemas import Schema
from crewai_hitl_nb.server.services import Routes
from crewai_hitl_nb.server.streams import negotiated
from crewai_hitl_nb.server.streams.sse import EventStreamHandler
from crewai_hitl_nb.server.streams.websocket import StreamSocket

Transport: TypeAlias = Literal["ws", "sse"]

_DOWN: Final = (
    *(struct.__name__ for struct in KNOWN_TYPES.values()),
    *("OtherEvent", "Heartbeat", "Gap"),
)
_UP: Final = ("PublishFrame", "AnswerFrame", "ClaimFrame", "CancelFrame")
_REPLIES: Final = ("Ack", "ErrorFrame")

_HOW: Final[Mapping[Transport, str]] = {
    "ws": "One frame for each event. The server closes with "
    f"{limits.CLOSE_GOING_AWAY} when it stops and {limits.CLOSE_SLOW_READER} when the reader "
    "is too slow; connect again with `last_event_id`.",
    "sse": "One block for each event; its `id` is the event's. A heartbeat is a named event, "
    "so `onmessage` does not get it.",
}
_TRANSPORTS: Final[tuple[tuple[type, Transport], ...]] = (
    (StreamSocket, "ws"),
    (EventStreamHandler, "sse"),
)

SECURITY: Final[Mapping[str, Schema]] = {
    **openapi.SECURITY,
    "token": {**openapi.SECURITY["token"], "type": "httpApiKey"},
}


class Channel(msgspec.Struct, frozen=True):
    """One address: its name, its purpose, its transports and its dialect."""

    name: str
    summary: str
    address: str
    transports: tuple[Transport, ...]
    words: Literal["", "Crew"] = ""

    @property
    def down(self) -> tuple[str, ...]:
        """Names of the messages that it sends without being asked."""
        return tuple(self.words + name for name in _DOWN)

    @property
    def up(self) -> tuple[str, ...]:
        """Names of the messages that it receives."""
        return _UP if "ws" in self.transports else ()

    @property
    def messages(self) -> tuple[str, ...]:
        """Names of all of them."""
        return (*self.down, *self.up, *(_REPLIES if self.up else ()))


def document(host: str, prefix: str, routes: Routes, *, secure: bool) -> Schema:
    """Return the document of a server at an address."""
    found = list(channels(routes))
    messages = {name: _message(name) for channel in found for name in channel.messages}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "crewai-hitl", "version": __version__, "description": openapi.ABOUT},
        "defaultContentType": "application/json",
        "servers": _servers(host, prefix, secure=secure),
        "channels": {channel.name: _channel(channel) for channel in found},
        "operations": {name: said for channel in found for name, said in _operations(channel)},
        "components": {
            "messages": messages,
            "schemas": schemas.reachable(messages),
            "securitySchemes": SECURITY,
        },
    }


def channels(routes: Routes) -> Iterator[Channel]:
    """Yield every address of a stream in the table of routes."""
    for pattern, handler in routes:
        for kind, transport in _TRANSPORTS:
            if issubclass(handler, kind):
                path = openapi.template(pattern)
                known = OPERATIONS["get", path]
                for suffix, address in zip(
                    ("", "Execution"), openapi.spelled_out(path), strict=True
                ):
                    yield Channel(known.id + suffix, known.summary, address, (transport,))
    path = openapi.template(negotiated.PATH)
    known = OPERATIONS["get", path]
    yield Channel(known.id, known.summary, path, ("ws", "sse"), "Crew")


def _servers(host: str, prefix: str, *, secure: bool) -> Schema:
    security = [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY]
    return {
        name: {
            "host": host,
            "pathname": prefix,
            "protocol": f"{protocol}s" if secure else protocol,
            "security": security,
        }
        for name, protocol in (("ws", "ws"), ("sse", "http"))
    }


def _channel(channel: Channel) -> Schema:
    names = openapi.names_in(channel.address)
    said: Schema = {
        "address": channel.address.removeprefix("/"),
        "summary": channel.summary,
        "description": " ".join(_HOW[transport] for transport in channel.transports),
        "servers": [{"$ref": f"#/servers/{transport}"} for transport in channel.transports],
        "parameters": {name: {"description": IN_PATH[name].description} for name in names},
        "messages": {n: {"$ref": f"#/components/messages/{n}"} for n in channel.messages},
    }
    if channel.up:
        said["bindings"] = {"ws": {"method": "GET", "query": _query(*RESUME, CREW, SOURCE)}}
    return said


def _query(*parameters: Parameter) -> Schema:
    """Return the query as one object, as a binding requires."""
    properties = {
        parameter.name: {
            "description": parameter.description,
            **schemas.type_schema(parameter.kind),
        }
        for parameter in parameters
        if parameter.place == "query"
    }
    return {"type": "object", "properties": properties}


def _operations(channel: Channel) -> Iterator[tuple[str, Schema]]:
    """Yield the server's operations there: it sends, and it replies once to each frame it gets."""
    where = {"$ref": f"#/channels/{channel.name}"}

    def these(names: tuple[str, ...]) -> list[Schema]:
        return [{"$ref": f"{where['$ref']}/messages/{name}"} for name in names]

    send: Schema = {"action": "send", "channel": where, "messages": these(channel.down)}
    if not channel.up:
        send["bindings"] = {"http": {"method": "GET", "query": _query(*RESUME, CREW)}}
    yield f"{channel.name}Sends", send
    for name in channel.up:
        yield (
            f"{channel.name}Takes{name}",
            {
                "action": "receive",
                "channel": where,
                "messages": these((name,)),
                "reply": {"channel": where, "messages": these(_REPLIES)},
            },
        )


def _message(name: str) -> Schema:
    said: Schema = {
        "name": name,
        "summary": schemas.components()[name]["description"],
        "payload": schemas.ref(name),
    }
    if name in (*_UP, *_REPLIES):
        said["correlationId"] = {"location": "$message.payload#/ref"}
    return said
