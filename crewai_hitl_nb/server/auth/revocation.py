"""Ends the streams of those who may read no more: a stream outlives the request that began it.

Whoever is let in once could otherwise listen for as long as the connection holds, whatever
happens to their key meanwhile. The host looks through the open streams with each heartbeat
(``standalone``), and a server of a JupyterHub asks the hub every few seconds (``hub.py``); the
handlers only say whose a stream is. Callers of another host are not looked at: there the host's own
rules hold.
"""

import asyncio
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from crewai_hitl_nb.broker.delivery.audience import Sink
from crewai_hitl_nb.broker.delivery.subscription import Closed, Subscription
from crewai_hitl_nb.server.auth.hub import HubToken


@runtime_checkable
class Revocable(Protocol):
    """A caller whose right to be there can end."""

    def counts(self) -> bool:
        """Whether it is still the same right that it was."""


class OpenStreams:
    """The streams that are open, and whose they are."""

    def __init__(self) -> None:
        self._callers: WeakKeyDictionary[Subscription | Sink, Revocable] = WeakKeyDictionary()

    def began(self, stream: Subscription | Sink, caller: object) -> None:
        """Somebody begins to read, or what they read goes on by a sink."""
        if isinstance(caller, Revocable):
            self._callers[stream] = caller

    async def ask_the_hub(self) -> None:
        """Ask the hub of every caller that it let in, then end the streams that it no more would.

        While the hub cannot be asked they go on: a hub may restart without its servers.
        """
        tokens = {caller for caller in self._callers.values() if isinstance(caller, HubToken)}
        asked = [token.check(within=0) for token in tokens]
        await asyncio.gather(*asked, return_exceptions=True)  # what they say shows in counts()
        self.end_revoked()

    def end_revoked(self) -> None:
        """End the streams of callers who count no more; they find out why when they return."""
        for stream, caller in list(self._callers.items()):
            if not caller.counts():
                stream.end(Closed())
