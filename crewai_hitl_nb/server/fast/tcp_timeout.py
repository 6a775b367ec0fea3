"""Lets TCP notice a reader that vanished without closing its connection.

A reader that is no waiter is not pinged (``streams/websocket.py`` gives the reason), so a dead one
would be kept until the system gives it up, which takes Linux a quarter of an hour. But it is sent
heartbeats, and its system acknowledges them whatever its program does. TCP can be told how long to
wait for an acknowledgement (RFC 5482, "User Timeout"). This sends no frame and wakes no task, and
a JupyterHub's proxy does not count it as use of the server. Keep-alive probes would add nothing:
they are sent only when no data is on its way.

Data that a living program does not read counts like data that is not acknowledged. So the writer
lifts the limit while bytes wait: a slow reader is closed by the bounds of its buffer, with the
reason. Only Linux has the option; elsewhere, and on sockets other than TCP, nothing is set.

Above: ``direct_writer.py``. Below: a socket.
"""

import contextlib
import socket
from typing import Final

BEATS: Final = 1.5
"""How long data may go unacknowledged, in heartbeats. The first lost heartbeat comes up to one
heartbeat after the reader vanished, so that makes two and a half."""

_OPTION: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)


def limit(connection: socket.socket | None, heartbeat: float) -> None:
    """Break a connection whose other side acknowledges nothing for ``BEATS`` heartbeats.

    Args:
        connection: It breaks as by any failure of the network. None: its stream is closed.
        heartbeat: Seconds between two heartbeats.
    """
    _set(connection, max(1, round(1000 * BEATS * heartbeat)))


def lift(connection: socket.socket | None) -> None:
    """Return to the system's own timeout."""
    _set(connection, 0)


def _set(connection: socket.socket | None, milliseconds: int) -> None:
    if _OPTION is None or connection is None:
        return
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # it closed at this moment, which the writer finds out
            connection.setsockopt(socket.IPPROTO_TCP, _OPTION, milliseconds)
