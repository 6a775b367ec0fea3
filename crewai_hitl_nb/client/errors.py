"""The errors that clients raise, besides those that the server sends.

    HitlError                                (protocol.errors: the server's refusals)
    ├── NoServer               no server was named, and none was found
    ├── WrongAddress           the URL is not that of a server, and waiting does not help
    ├── Unavailable
    │   └── ServerAway         the server cannot be reached now; the same call may succeed later
    │       ├── Silent         the connection is open, but nothing arrives any longer
    │       └── Dropped        the WebSocket broke without a close frame
    └── TransportUnusable      the server is there, but this transport does not reach it

The server's refusals (``AlreadyAnswered`` with its winner, ``Forbidden``, …) are raised here as
the same classes as in the server.
"""

from crewai_hitl_nb.protocol.errors import HitlError, Unavailable


def describe(error: BaseException) -> str:
    """Return the message of another library's error, or its class when it has none."""
    return str(error) or type(error).__name__


class NoServer(HitlError):
    """No server was named and none was found."""

    code = "no_server"
    for_operator = True


class WrongAddress(HitlError):
    """The URL has the wrong scheme, or its certificate is not trusted."""

    code = "wrong_address"
    for_operator = True


class ServerAway(Unavailable):
    """The server cannot be reached now."""

    code = "server_away"


class Silent(ServerAway):
    """The connection is open, but was silent for longer than two heartbeats."""


class Dropped(ServerAway):
    """The WebSocket broke without a close frame, or with one that the server did not send."""


class TransportUnusable(HitlError):
    """The server can be reached, but not with this transport, usually because of a proxy.

    Attributes:
        refusal: The error that ends the stream if there is no lesser transport to try; None if
            the same transport is tried again.
    """

    code = "transport_unusable"
    retry = True
    for_operator = True

    def __init__(self, message: str, refusal: HitlError | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal
