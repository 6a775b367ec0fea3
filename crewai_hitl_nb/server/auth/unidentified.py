"""Connections whose caller is not known yet: how many there may be, and which one has to go.

A stranger may hold a connection with half a request for as long as it likes to. So there is
a cap, for each address and in all, and one more closes the one that has been a stranger for
longest: whoever comes anew has their turn, also while others hold all places.

Above: ``listener.py``. It knows connections by their ``close`` and nothing else of them;
handlers that know their caller say so with :func:`known`.
"""

import ipaddress
from collections.abc import Callable, Hashable, Sequence

from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.protocol import limits


class Strangers:
    """The connections, in the order in which they came.

    Args:
        in_all: At most so many.
        per_address: At most so many of one address.
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
        self._most_of_one = per_address
        self._addresses: dict[Hashable, str | None] = {}
        self._of_address: dict[str, dict[Hashable, None]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def came(self, connection: Hashable, address: str | None, *, crowded: bool = False) -> int:
        """Take in a connection; return how many were closed for it.

        Args:
            connection: Which one.
            address: Where it came from; None for one that many share, such as a proxy.
            crowded: Whether one has to go in any case.
        """
        self._addresses[connection] = address
        closed = 0
        if address is not None:
            near = self._of_address.setdefault(address, {})
            near[connection] = None
            if len(near) > self._most_of_one:
                closed += self._end(next(iter(near)))
        if not closed and (crowded or len(self._addresses) > self._most):
            closed += self._end(next(iter(self._addresses)))
        return closed

    def forget(self, connection: Hashable) -> None:
        """It is no stranger any more, or is closed."""
        if connection not in self._addresses:
            return
        address = self._addresses.pop(connection)
        if address is not None:
            near = self._of_address[address]
            del near[connection]
            if not near:
                del self._of_address[address]

    def _end(self, connection: Hashable) -> int:
        self.forget(connection)
        self._close(connection)
        return 1


class Proxies:
    """Addresses of proxies in front of the server, which may say for whom they call."""

    def __init__(self, said: Sequence[str]) -> None:
        """Take addresses and networks.

        Raises:
            ValueError: One is neither.
        """
        self._networks = [ipaddress.ip_network(one.strip(), strict=False) for one in said]

    def __contains__(self, address: object) -> bool:
        try:
            ip = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return False
        return any(ip in network for network in self._networks)


def network_of(address: str) -> str:
    """Return an address, or of IPv6 the network that one host has."""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def known(request: HTTPServerRequest) -> None:
    """Say that the caller is known; a connection of another host's listener has no ears for it."""
    told = getattr(getattr(request.connection, "context", None), "known", None)
    if told is not None:
        told()
