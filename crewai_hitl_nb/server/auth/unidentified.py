"""Caps the connections whose caller is not identified yet, and chooses which one to close.

Without a cap, anybody could hold connections open with half a request each. There is one for each
address and one for all together. A connection over the cap closes the one that has been
unidentified for longest, so a new caller gets its turn even while others hold every place.

Above: ``listener.py``. It knows only the ``close`` of a connection; handlers that have identified
their caller call :func:`mark_identified`.
"""

import ipaddress
from collections.abc import Callable, Hashable, Sequence

from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.protocol import limits


class UnidentifiedConnections:
    """The connections, in the order in which they were accepted.

    Args:
        in_all: The most at once.
        per_address: The most at once from one address.
        close: Closes one.
    """

    def __init__(
        self,
        close: Callable[[Hashable], None],
        *,
        in_all: int = limits.MAX_STRANGERS,
        per_address: int = limits.MAX_STRANGERS_PER_ADDRESS,
    ) -> None:
        self._close = close
        self._most = in_all
        self._most_per_address = per_address
        self._addresses: dict[Hashable, str | None] = {}
        self._by_address: dict[str, dict[Hashable, None]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def add(self, connection: Hashable, address: str | None, *, crowded: bool = False) -> int:
        """Add a connection; return how many were closed to make room for it.

        Args:
            connection: The new one.
            address: Where it came from; None for an address that many callers share, such as a
                proxy's.
            crowded: Whether one must be closed even below the caps.
        """
        self._addresses[connection] = address
        closed = 0
        if address is not None:
            near = self._by_address.setdefault(address, {})
            near[connection] = None
            if len(near) > self._most_per_address:
                closed += self._end(next(iter(near)))
        if not closed and (crowded or len(self._addresses) > self._most):
            closed += self._end(next(iter(self._addresses)))
        return closed

    def remove(self, connection: Hashable) -> None:
        """Remove a connection that was identified or closed."""
        if connection not in self._addresses:
            return
        address = self._addresses.pop(connection)
        if address is not None:
            near = self._by_address[address]
            del near[connection]
            if not near:
                del self._by_address[address]

    def _end(self, connection: Hashable) -> int:
        self.remove(connection)
        self._close(connection)
        return 1


class Proxies:
    """Addresses of the proxies whose ``X-Forwarded-For`` is trusted."""

    def __init__(self, said: Sequence[str]) -> None:
        """Take addresses and networks.

        Raises:
            ValueError: An entry is neither.
        """
        self._networks = [ipaddress.ip_network(one.strip(), strict=False) for one in said]

    def __contains__(self, address: object) -> bool:
        try:
            ip = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return False
        return any(ip in network for network in self._networks)


def network_of(address: str) -> str:
    """Return an IPv4 address unchanged, and for IPv6 the /64 network, which one host has."""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def mark_identified(request: HTTPServerRequest) -> None:
    """Tell our listener that a request's caller is identified; other listeners ignore it."""
    identified = getattr(getattr(request.connection, "context", None), "identified", None)
    if identified is not None:
        identified()
