"""The memory bound that all request bodies share.

Above are the handlers that read bodies (``bodies.py``, ``fast/idle_websocket.py``); they find the
budget in :class:`~crewai_hitl_nb.server.services.Services`.
"""

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import TooMany


class BodyBudget:
    """The bytes of all bodies whose calls are not answered yet."""

    def __init__(self, most: int = limits.MAX_BODIES_BYTES) -> None:
        self.size = 0
        self._most = most

    def take(self, size: int) -> None:
        """Count more bytes.

        Raises:
            TooMany: There is no room; the bytes are not counted.
        """
        if self.size + size > self._most:
            raise TooMany(
                "the server is busy with other large requests; try again in 1 s",
                retry_after=1,
            )
        self.size += size

    def give_back(self, size: int) -> None:
        """Give back the bytes of a call that was answered."""
        self.size -= size
