"""A reader that is gone without a word, noticed by TCP alone.

A reader that waits for nothing is not pinged (``websocket.py`` says why), so a dead one would be
kept until the system gives it up, which takes Linux a quarter of an hour. But heartbeats go down
to it, and what goes down is acknowledged by its system whatever its program does: TCP can be told
how long to wait for that (RFC 5482, "User Timeout"). It sends no frame and wakes nobody, and a
JupyterHub's proxy sees no use of the server in it. Keep-alive probes would add nothing: they are
sent where nothing is on its way.

What is not taken by a program that is alive counts like what is not acknowledged, so whoever
writes lifts the limit while bytes wait: a slow reader is ended by its buffer's bounds, and hears
why. Only Linux has the option; elsewhere, and on sockets that are no TCP, nothing is set.

Above: the lean writer. Below: a socket.
"""

import contextlib
import socket
from typing import Final

BEATS: Final = 1.5
"""Heartbeats that may go unacknowledged; with the one that is first lost, two and a half."""

_OPTION: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)


def limit(connection: socket.socket | None, heartbeat: float) -> None:
    """Have a connection ended when its other side acknowledges nothing for so many ``BEATS``.

    Args:
        connection: It breaks by itself then, as by any failure of the network. None: a stream's
            that is closed.
        heartbeat: Seconds between two heartbeats.
    """
    _set(connection, max(1, round(1000 * BEATS * heartbeat)))


def lift(connection: socket.socket | None) -> None:
    """Leave it to the system's own patience."""
    _set(connection, 0)


def _set(connection: socket.socket | None, milliseconds: int) -> None:
    if _OPTION is None or connection is None:
        return
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # closed in this very moment: whoever writes hears so
            connection.setsockopt(socket.IPPROTO_TCP, _OPTION, milliseconds)
