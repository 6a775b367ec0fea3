"""Frames up a WebSocket, and the one reply that each of them gets."""

import asyncio
import itertools
import json

import anyio
import websockets

from tests.server.door import PATIENCE_SECONDS, Json


class Upstream:
    """Sends frames and finds their replies among what comes down."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._replies: dict[str, Json] = {}
        self._reading = asyncio.Lock()
        self.events: list[Json] = []

    async def ask(self, frame: Json) -> Json:
        """Send a frame under a fresh ref and return its ack or error."""
        ref = await self.send(frame)
        async with self._reading:
            while ref not in self._replies:
                reply = await self.reply()
                assert reply["ref"] not in self._replies  # exactly one
                self._replies[reply["ref"]] = reply
        return self._replies[ref]

    async def send(self, frame: Json) -> str:
        """Send a frame under a fresh ref, the next number, and return that."""
        ref = str(next(self._numbers))
        await self._connection.send(json.dumps({**frame, "ref": ref}))
        return ref

    async def reply(self) -> Json:
        """Return the next ack or error, whomever it answers; keep the events before it."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                frame: Json = json.loads(await self._connection.recv())
                if frame["type"] in ("ack", "error"):
                    return frame
                self.events.append(frame)
