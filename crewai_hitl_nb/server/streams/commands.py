"""Frames up on one WebSocket: publish, answer, claim and cancel, each with one reply.

Frames are decoded and begun in order, and several of one kind may be under way together
(``pipeline.py``). The reply to a frame is an ``ack`` or an ``error`` with the frame's ``ref``.

Above: ``websocket.py``, which reads the frames. Below: the actions of ``api/``, the same as those
of the HTTP endpoints. It knows nothing of the events that go down.
"""

from collections.abc import Callable
from typing import Any, cast

from tornado.websocket import WebSocketHandler, WebSocketProtocol13

from crewai_hitl_nb.protocol import frames, limits
from crewai_hitl_nb.protocol.errors import HitlError, TooLarge
from crewai_hitl_nb.server.api.publish import order_kind, publish
from crewai_hitl_nb.server.api.requests import answer, cancel, claim
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.error_replies import log_refusal
from crewai_hitl_nb.server.fast.ack_batch import AckBatch
from crewai_hitl_nb.server.streams.pipeline import Pipeline


class Commands:
    """The frames up of one connection."""

    def __init__(
        self,
        caller: CallerMixin,
        connection: WebSocketProtocol13,
        failed: Callable[[BaseException], None],
    ) -> None:
        """Begin without a frame.

        Args:
            caller: The connection's handler.
            connection: Where the replies go.
            failed: Called with an unexpected error of a frame; must not raise.
        """
        broker = caller.services.broker
        self._caller = caller
        self._handler = cast("WebSocketHandler", caller)
        self._replies = AckBatch(connection, None if broker is None else broker.buffers)
        self._pipeline = Pipeline(failed)

    async def take(self, message: str | bytes) -> None:
        """Begin with a frame, and wait until the next one may be read."""
        ref: str | None = None
        try:
            if len(message) > limits.MAX_BODY_BYTES:
                raise TooLarge(
                    f"a frame of {len(message)}; send at most {limits.MAX_BODY_BYTES} at a time",
                    limit=limits.MAX_BODY_BYTES,
                )
            raw = frames.decode_body(message)
            if isinstance(raw, dict) and isinstance(raw.get("ref"), str):
                ref = raw["ref"]
            frame = frames.decode_up(raw)
            self._caller.services.bodies.take(len(message))
        except HitlError as error:
            log_refusal(self._handler, error)
            self._replies.add(frames.encode_error(ref, error))
            self._replies.flush()  # a close may follow at once
        else:
            work = self._run(frame, raw, len(message))
            await self._pipeline.begin(order_kind(frame), work)
        await self._replies.room()

    async def _run(self, frame: frames.UpFrame, raw: object, size: int) -> None:
        """Do what a frame asks for, and reply."""
        try:
            reply = frames.encode_frame(frames.Ack(frame.ref, await self._act(frame, raw)))
        except HitlError as error:
            log_refusal(self._handler, error)
            reply = frames.encode_error(frame.ref, error)
        finally:
            self._caller.services.bodies.give_back(size)
        self._replies.add(reply)

    async def _act(self, frame: frames.UpFrame, raw: object) -> dict[str, Any]:
        caller = self._caller
        if isinstance(frame, frames.PublishFrame):
            await caller.require("write")
            return await publish(caller, frame.events)
        if isinstance(frame, frames.AnswerFrame):
            await caller.require("execute")
            return await answer(caller, frame.request_id, raw)
        if isinstance(frame, frames.ClaimFrame):
            await caller.require("execute")
            return await claim(caller, frame.request_id, {"via": frame.via})
        await caller.require("write")
        return await cancel(caller, frame.request_id, {"reason": frame.reason})
