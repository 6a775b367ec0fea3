"""``POST events`` with the kernel key, without a handler of the host: the short way to publish.

Why: a handler of a Jupyter server is some 0.3 ms of work for each request, and for this one
nearly all of it answers questions that the kernel key has answered: a crew publishes each step
it takes. What is checked is the same: the key, in constant time; its rights, asked of its
authorizer; the Host header, which names this machine; the size, the limits of the caller, and
every event (``publish.publish``). What is left behind is the same, too: the access log, the
host's metrics and its time of last activity.

A call that is not plainly a program's on this machine is not taken here, and the next route
is the handler itself (``publish.EventsHandler``): other credentials, a query, an Origin, a name
that must be looked up, headers that an operator wants in every reply. The two are held equal by
``tests/server/fast/test_kernel_publish.py``. The reply is never compressed: it is read on the same
machine. What follows on the connection and says the same again is served at once
(``same_again.py``).
"""

import asyncio
import re
import time
from contextlib import aclosing
from http.client import responses
from typing import Any, Final, cast

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    ResponseStartLine,
    format_timestamp,
)
from tornado.iostream import StreamClosedError
from tornado.routing import Matcher, Rule
from tornado.web import Application

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.protocol.errors import Forbidden, HitlError, StoreUnavailable, TooMany
from crewai_hitl_nb.server.api.publish import publish
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.base import RESOURCE, Services, json_of, note_refusal
from crewai_hitl_nb.server.fast import same_again

_PATH: Final = "events"
_HERE: Final = re.compile(r"(127\.0\.0\.1|\[::1\])(:\d+)?")
"""A Host that the host lets pass wherever it is told to be; handlers look at the other ones."""

_FAILED: Final = {"error": "server_error", "message": "Internal Server Error"}


class FromKernel(Matcher):
    """Matches what is plainly a program's call with the kernel key."""

    def __init__(self, application: Application, services: Services) -> None:
        """Take the host's application, whose settings count at each call."""
        self._settings = application.settings
        self._path = services.prefix + _PATH
        self._key = services.kernel_key

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no parts of the path, or None for the handler's own route to take it."""
        plain = (
            request.path == self._path
            and request.method == "POST"
            and not request.query
            and "Origin" not in request.headers
            and not self._settings.get("headers")
            and (
                self._settings.get("allow_remote_access")
                or _HERE.fullmatch(request.host) is not None
            )
            and kernel_key.same(self._key, kernel_key.bearer(request))
        )
        return {} if plain else None


class _Call:
    """One call: who makes it to ``publish``, and a handler to whatever logs and counts."""

    by_kernel = True

    def __init__(
        self, application: Application, services: Services, request: HTTPServerRequest
    ) -> None:
        self.settings = application.settings
        self.request = request
        self.services = services
        self.current_user = services.kernel_identity.get_user(cast("Any", self))
        self.caller = self.current_user.username
        self.person = str(self.current_user.display_name)
        self.log = application.settings["crewai_hitl_nb"].log
        self.status = 200
        self.path_kwargs: dict[str, str] = {}

    @property
    def broker(self) -> Broker:
        """The broker: the kernel key sees all of it.

        Raises:
            StoreUnavailable: The log is not open.
        """
        if self.services.broker is None:
            raise StoreUnavailable(f"{self.services.trouble}; try again")
        return self.services.broker

    async def require(self, action: str) -> None:
        """Ask the key's authorizer.

        Raises:
            Forbidden: It says no.
        """
        authorizer = self.services.kernel_authorizer
        if not authorizer.is_authorized(cast("Any", self), self.current_user, action, RESOURCE):
            raise Forbidden(f"you have not the right to {action} on {RESOURCE}")

    def get_status(self) -> int:
        """Return the reply's status."""
        return self.status


class KernelPublish:
    """Takes the calls that :class:`FromKernel` matches, and those that say the same again."""

    def __init__(self, application: Application, services: Services) -> None:
        """Take the host's application: its settings, its access log."""
        self._application = application
        self._services = services
        self._calls: set[asyncio.Task[None]] = set()

    def __call__(self, request: HTTPServerRequest) -> None:
        """Begin to serve a call; Tornado does not wait for it."""
        serving = asyncio.ensure_future(self._serve(request))
        self._calls.add(serving)
        serving.add_done_callback(self._calls.discard)

    async def _serve(self, request: HTTPServerRequest) -> None:
        """Serve a call, and those that follow on its connection and say the same again."""
        connection = cast("HTTP1Connection", request.connection)
        try:
            status, headers, body = await self._publish(request)
            line = ResponseStartLine("HTTP/1.1", status, responses[status])
            connection.write_headers(line, headers, body)
            if self._services.lean:
                await self._serve_again(request, connection)
        except StreamClosedError:
            pass  # the kernel hung up; what it published is published
        finally:
            connection.finish()

    async def _serve_again(self, first: HTTPServerRequest, connection: HTTP1Connection) -> None:
        async with aclosing(same_again.calls(first)) as calls:
            async for call in calls:
                status, headers, body = await self._publish(call)
                said = f"{status} {responses[status]}"
                await same_again.write(connection.stream, said, headers, body)

    async def _publish(self, request: HTTPServerRequest) -> tuple[int, HTTPHeaders, bytes]:
        """Publish what a call says, and return its reply."""
        call = _Call(self._application, self._services, request)
        headers = HTTPHeaders()
        try:
            await call.require("write")
            said = await publish(call, json_of(request.body))
        except HitlError as error:
            call.status, said = error.status, error.to_wire()
            note_refusal(cast("Any", call), error)
            if isinstance(error, TooMany):
                headers["Retry-After"] = str(error.details.get("retry_after", 1))
        except Exception:  # the same boundary as Tornado's around a handler: one call fails
            call.log.exception("a publish of a kernel failed")
            call.status, said = 500, _FAILED
        call.settings["api_last_activity"] = utc_now()
        body = msgspec.json.encode(said)
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        headers["Date"] = format_timestamp(time.time())
        headers["X-Content-Type-Options"] = "nosniff"
        self._application.log_request(cast("Any", call))
        return call.status, headers, body


def serve(application: Application, services: Services) -> None:
    """Put the route before all others: those of handlers are matched one by one.

    Not by ``add_handlers``: a Jupyter server looks there for the decorators of a handler.
    """
    rule = Rule(FromKernel(application, services), KernelPublish(application, services))
    application.default_router.rules.insert(0, rule)
