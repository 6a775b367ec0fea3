"""Base of the HTTP handlers: a caller, a bounded body, and replies and errors in JSON.

Each concept has its own module: who calls and what they may do (``caller.py``), the body
(``bodies.py``), errors (``error_replies.py``). Above are the endpoints.
"""

from typing import Any, cast

import msgspec
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web
from tornado.concurrent import Future
from tornado.http1connection import HTTP1Connection

from crewai_hitl_nb.broker.delivery.buffers import Hold
from crewai_hitl_nb.protocol import frames, limits
from crewai_hitl_nb.server.bodies import BodyMixin, too_large
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.error_replies import JsonErrorsMixin


@web.stream_request_body
class HitlHandler(JsonErrorsMixin, BodyMixin, CallerMixin, ExtensionHandlerMixin, APIHandler):
    """Base of the HTTP endpoints."""

    def json_body(self) -> object:
        """Return the decoded body; raises as :func:`json_of`."""
        return json_of(self.body)

    _page: Hold | None = None

    async def room(self) -> None:
        """Wait until there is room for a page: replies that wait for readers have one bound."""
        self._page = self._new_hold()
        if self._page is not None:
            await self._page.room()

    def reply(self, body: object) -> None:
        """Finish with a JSON body."""
        data = msgspec.json.encode(body)
        self.counted(self.finish(data), len(data))

    def counted(self, sent: "Future[Any]", size: int) -> None:
        """Count a reply against that bound until it is sent."""
        hold, self._page = self._page, None
        if hold is None and size > limits.SHARED_REPLY_BYTES:
            hold = self._new_hold()
        if hold is not None:
            hold.resize(size)
            sent.add_done_callback(lambda _: hold.release())

    def _new_hold(self) -> Hold | None:
        broker = self.services.broker
        connection = cast("HTTP1Connection", self.request.connection)

        def cut() -> None:  # the caller does not read its reply, and others wait for room
            if connection.stream is not None:
                connection.stream.close()
            if hold is not None:
                hold.release()

        hold = None if broker is None else broker.buffers.hold(cut)
        return hold

    def on_finish(self) -> None:
        """Give back the room of an error; other replies give it back when they are sent."""
        super().on_finish()
        if self._page is not None and self.get_status() >= 400:
            self._page.release()


def json_of(body: bytes) -> object:
    """Decode a body; an empty one is an empty object.

    Raises:
        TooLarge: It is over the limit.
        BadJson: It is not JSON; the message names the first wrong character.
    """
    if len(body) > limits.MAX_BODY_BYTES:
        raise too_large(len(body))
    return frames.decode_body(body) if body.strip() else {}
