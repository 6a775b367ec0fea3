"""Ends the streams of callers who may no longer read: a stream outlives the request that began it.

Otherwise a caller could listen for as long as the connection holds, even after the key is revoked.
The host checks the open streams periodically (``host/runtime.py``): an API key in its file, a
JupyterHub's token by asking the hub (``hub.py``). The handlers only name the caller of each stream.
Callers with neither credential are not checked: the host's own rules apply to them.
"""

import asyncio
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from crewai_hitl_nb.broker.delivery.audience import Sink
from crewai_hitl_nb.broker.delivery.subscription import Closed, Subscription
from crewai_hitl_nb.server.auth.hub import HubToken


@runtime_checkable
class Revocable(Protocol):
    """A credential that can be revoked."""

    def is_valid(self) -> bool:
        """Whether it still grants the same permissions as when it was presented."""


class OpenStreams:
    """The open streams and the credentials that they were opened with."""

    def __init__(self) -> None:
        self._callers: WeakKeyDictionary[Subscription | Sink, Revocable] = WeakKeyDictionary()

    def began(self, stream: Subscription | Sink, caller: object) -> None:
        """Remember a stream, or the sink that takes over its delivery."""
        if isinstance(caller, Revocable):
            self._callers[stream] = caller

    async def ask_the_hub(self) -> None:
        """Ask the hub about each of its tokens, then end the streams whose credential was revoked.

        While the hub does not answer, streams stay open: a hub may restart without its servers.
        """
        tokens = {caller for caller in self._callers.values() if isinstance(caller, HubToken)}
        asked = [token.check(within=0) for token in tokens]
        await asyncio.gather(*asked, return_exceptions=True)  # the result shows in is_valid()
        self.end_revoked()

    def end_revoked(self) -> None:
        """End the streams whose credential was revoked; their readers learn why on reconnecting."""
        for stream, caller in list(self._callers.items()):
            if not caller.is_valid():
                stream.end(Closed())


async def check_forever(streams: OpenStreams, seconds: float) -> None:
    """Check the open streams at this interval; cancel it to stop."""
    while True:
        await asyncio.sleep(seconds)
        await streams.ask_the_hub()
