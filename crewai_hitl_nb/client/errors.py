"""What a caller of the server can meet beside the server's own refusals.

    HitlError                                (protocol.errors: the server's refusals)
    ├── NoServer               nobody said where a server is, and none was found
    ├── WrongAddress           something is there, and waiting does not make it our server
    ├── Unavailable
    │   └── ServerAway         it cannot be reached now; the same call later may succeed
    │       ├── Silent         the connection stands, but nothing comes down it any more
    │       └── Dropped        the WebSocket broke without a close frame
    └── TransportUnusable      it is there, but this transport does not get through

The refusals themselves (``AlreadyAnswered`` with its winner, ``Forbidden``, …) are raised
as the very classes that the server raised.
"""

from crewai_hitl_nb.protocol.errors import HitlError, Unavailable


def describe(error: BaseException) -> str:
    """Return what a foreign error says, or its name when it says nothing."""
    return str(error) or type(error).__name__


class NoServer(HitlError):
    """No server was named and none was found."""

    code = "no_server"
    for_operator = True


class WrongAddress(HitlError):
    """Something is at the URL, and it will not be this server: its scheme or its certificate."""

    code = "wrong_address"
    for_operator = True


class ServerAway(Unavailable):
    """The server cannot be reached now."""

    code = "server_away"


class Silent(ServerAway):
    """The connection stands, but nothing came down it for longer than it should take."""


class Dropped(ServerAway):
    """The WebSocket broke without a close frame."""


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
