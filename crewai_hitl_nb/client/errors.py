"""The errors of the clients, beside the server's own refusals.

    HitlError                                (protocol.errors: the server's refusals)
    ├── NoServer               no server was named, and none was found
    ├── WrongAddress           something else is there, and waiting does not help
    ├── Unavailable
    │   └── ServerAway         it cannot be reached now; the same call may succeed later
    │       ├── Silent         the connection stands, but nothing comes down it any more
    │       └── Dropped        the WebSocket broke without a close frame
    └── TransportUnusable      it is there, but this transport does not get through

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
    """Something at the URL has another scheme, or a certificate that is not trusted."""

    code = "wrong_address"
    for_operator = True


class ServerAway(Unavailable):
    """The server cannot be reached now."""

    code = "server_away"


class Silent(ServerAway):
    """The connection stands, but was silent for longer than two heartbeats."""


class Dropped(ServerAway):
    """The WebSocket broke without a close frame, or with one that is not the server's."""


class TransportUnusable(HitlError):
    """The server was reached, but not by this transport, mostly because of a proxy.

    Attributes:
        refusal: The error that ends the stream where there is no lesser transport to try;
            None where the same transport is tried again.
    """

    code = "transport_unusable"
    retry = True
    for_operator = True

    def __init__(self, message: str, refusal: HitlError | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal
