"""Request bodies: the caller is identified before one is read, and all bodies share a memory bound.

Tornado makes a handler when the body has arrived. Here it is made when the head has
(``stream_request_body``), so a refused body takes no memory: it is dropped as it arrives. A small
body is read before the refusal is sent. For a large one the refusal is sent at once, and the rest
of the body is read and dropped, because closing the connection meanwhile would lose the refusal.
Bodies count until their calls are answered, and above the bound the next caller is asked to try
again.

Above: the handlers' base. The bound is ``body_budget.py``. It knows nothing about the content of a
body.
"""

from typing import TYPE_CHECKING, Any, NoReturn, cast

from tornado import web

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import HitlError, TooLarge, TooMany
from crewai_hitl_nb.server.auth.unidentified import mark_identified
from crewai_hitl_nb.server.fast.tornado_internals import body_is_whole
from crewai_hitl_nb.server.services import Services

if TYPE_CHECKING:
    from tornado.http1connection import HTTP1Connection


_MOST_DROPPED = 2 * limits.MAX_BODY_BYTES
"""Bytes read of a refused body, so that its sender gets the reason."""


class BodyMixin:
    """Reads the body of a request; comes before the host's own base class."""

    _counted = 0
    _received = 0
    _refused: Exception | None = None
    _said_early = False

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Identify the caller, then decide whether to keep the body."""
        self._parts: list[bytes] = []
        handler = cast("web.RequestHandler", self)
        headers = handler.request.headers
        length = headers.get("Content-Length", "0")
        has_body = length != "0" or "Transfer-Encoding" in headers
        connection = cast("HTTP1Connection", handler.request.connection)
        if has_body:
            connection.set_body_timeout(limits.BODY_SECONDS)
        try:
            await super().prepare(*args, **kwargs)  # type: ignore[misc]
            if has_body:
                self._check_length(length)
        except (web.HTTPError, HitlError) as error:
            if _size(length) > _MOST_DROPPED:
                raise  # Tornado ends a connection whose request is answered before it is read
            connection.set_max_body_size(_MOST_DROPPED if "," not in length else 0)
            if _size(length) > limits.MAX_STRANGER_BODY_BYTES:
                self._refuse_early(error)
            else:
                self._refuse(error)
            return
        if has_body:
            mine = handler.current_user is not None
            connection.set_max_body_size(_MOST_DROPPED if mine else limits.MAX_STRANGER_BODY_BYTES)

    def _check_length(self, length: str) -> None:
        if not cast("web.RequestHandler", self).current_user:
            if _size(length) > limits.MAX_STRANGER_BODY_BYTES:
                raise web.HTTPError(403)
        elif _size(length) > limits.MAX_BODY_BYTES:
            raise too_large(length)

    def _refuse(self, error: Exception) -> None:
        """Drop the body, and raise the error in place of the method."""

        def refuse(*args: Any, **kwargs: Any) -> NoReturn:
            raise error

        self._refused = error
        self._drop()
        method = str(cast("web.RequestHandler", self).request.method).lower()
        setattr(self, method, refuse)

    def _refuse_early(self, error: Exception) -> None:
        """Send the refusal now, and end the call when the body has been read and dropped."""
        handler = cast("web.RequestHandler", self)
        self._refuse(error)
        self._said_early = True
        setattr(self, str(handler.request.method).lower(), self._end)
        info = (type(error), error, error.__traceback__)
        status = error.status_code if isinstance(error, web.HTTPError) else 500
        handler.log_exception(*info)
        handler.send_error(status, exc_info=info)

    def _end(self, *args: Any, **kwargs: Any) -> None:
        self._said_early = False
        web.RequestHandler.finish(cast("web.RequestHandler", self))

    def finish(self, chunk: Any = None, **kwargs: Any) -> Any:
        """Finish, or only send the reply while the body is still arriving."""
        handler = cast("web.RequestHandler", self)
        if not self._said_early:
            return super().finish(chunk, **kwargs)  # type: ignore[misc]
        if chunk is not None:
            handler.set_header("Content-Length", str(len(chunk)))
            handler.write(chunk)
        return handler.flush()

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body; methods that only read have no use for one."""
        method = cast("web.RequestHandler", self).request.method
        if self._refused is not None or method in {"GET", "HEAD", "OPTIONS"}:
            return
        try:
            self._services.bodies.take(len(chunk))
        except TooMany as error:
            self._refuse(error)
            return
        self._counted += len(chunk)
        self._received += len(chunk)
        self._parts.append(chunk)

    @property
    def body(self) -> bytes:
        """The whole body."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def _drop(self) -> None:
        self._parts = []
        if self._counted:
            self._services.bodies.give_back(self._counted)
            self._counted = 0

    def on_finish(self) -> None:
        """Give back the memory once the reply is on its way."""
        self._drop()
        super().on_finish()  # type: ignore[misc]

    def on_connection_close(self) -> None:
        """Drop a half-received body when the caller leaves."""
        request = cast("web.RequestHandler", self).request
        whole = body_is_whole(request, self._received)
        super().on_connection_close()  # type: ignore[misc]
        if not whole:
            self._drop()

    @property
    def _services(self) -> Services:
        return cast("Services", cast("Any", self).services)


class IdentifiedMixin:
    """Tells the listener that a handler has identified its caller."""

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Identify the caller."""
        await super().prepare(*args, **kwargs)  # type: ignore[misc]
        handler = cast("web.RequestHandler", self)
        if handler.current_user:
            mark_identified(handler.request)


def too_large(size: object) -> TooLarge:
    """Return the error for a body over the limit."""
    return TooLarge(
        f"the body has {size} bytes; send at most {limits.MAX_BODY_BYTES} at a time",
        limit=limits.MAX_BODY_BYTES,
    )


def _size(length: str) -> int:
    """Return the size that the header gives; the connection refuses one that is no number."""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
