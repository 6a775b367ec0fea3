"""A short path for ``POST events`` with the kernel key, which skips the host's handlers.

Why: a handler of a Jupyter server costs some 0.3 ms for each request, and nearly all of it answers
questions that the kernel key has already answered. A crew publishes each step that it takes.

The checks are the same as the handler's: the key (compared in constant time), its rights (asked of
its authorizer), the Host header (it must name this machine), the size, the caller's rate limits,
and every event (``publish.publish``). So are the traces: the access log, the host's metrics and its
time of last activity. The reply is never compressed, because it is read on the same machine.

A request that is not plainly from a program on this machine is not matched here, and the next
route is the handler itself (``publish.EventsHandler``): other credentials, a query, an Origin, a
host name that must be resolved, or headers that the operator adds to every reply.
``tests/server/fast/test_kernel_publish.py`` checks that both reply alike.

Above: the extension, which adds the route. Below: Tornado's router and ``api/publish.py``.
"""

import asyncio
import re
import time
from http.client import responses
from typing import Any, Final, cast

import msgspec
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
from crewai_hitl_nb.protocol.errors import HitlError, StoreUnavailable, TooMany
from crewai_hitl_nb.server.api.publish import publish
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.base import json_of
from crewai_hitl_nb.server.caller import RESOURCE, no_permission
from crewai_hitl_nb.server.error_replies import log_refusal
from crewai_hitl_nb.server.services import Services

_PATH: Final = "events"
_LOOPBACK_HOST: Final = re.compile(r"(127\.0\.0\.1|\[::1\])(:\d+)?")
"""A Host header that every host accepts; the handler decides about all others."""

_FAILED: Final = {"error": "server_error", "message": "Internal Server Error"}


class KernelPublishMatcher(Matcher):
    """Matches a publish that is plainly a local program's, with the kernel key."""

    def __init__(self, application: Application, services: Services) -> None:
        """Take the host's application, whose settings are read at each request."""
        self._settings = application.settings
        self._services = services
        self._path = services.prefix + _PATH

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no parts of the path, or None to let the handler's own route take it."""
        plain = (
            request.path == self._path
            and request.method == "POST"
            and self._services.shortcuts.kernel_publish
            and not request.query
            and "Origin" not in request.headers
            and not self._settings.get("headers")
            and (
                self._settings.get("allow_remote_access")
                or _LOOPBACK_HOST.fullmatch(request.host) is not None
            )
            and kernel_key.equal_in_constant_time(
                self._services.kernel_key, kernel_key.bearer(request)
            )
        )
        return {} if plain else None


class _Request:
    """One request: the caller for ``publish``, and a handler for what logs and counts requests."""

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
        """The broker; the kernel key sees all of it.

        Raises:
            StoreUnavailable: The log is not open.
        """
        if self.services.broker is None:
            raise StoreUnavailable(f"{self.services.trouble}; try again")
        return self.services.broker

    async def require(self, action: str) -> None:
        """Ask the kernel key's authorizer for a right.

        Raises:
            Forbidden: It refuses.
        """
        authorizer = self.services.kernel_authorizer
        if not authorizer.is_authorized(cast("Any", self), self.current_user, action, RESOURCE):
            raise no_permission(action)

    def get_status(self) -> int:
        """Return the reply's status."""
        return self.status


class KernelPublish:
    """Replies to the requests that :class:`KernelPublishMatcher` matches."""

    def __init__(self, application: Application, services: Services) -> None:
        """Take the host's application, for its settings and its access log."""
        self._application = application
        self._services = services
        self._under_way: set[asyncio.Task[None]] = set()

    def __call__(self, request: HTTPServerRequest) -> None:
        """Begin to serve a request; Tornado does not wait for it."""
        task = asyncio.ensure_future(self._serve(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _serve(self, request: HTTPServerRequest) -> None:
        connection = request.connection
        assert connection is not None
        reply = _Request(self._application, self._services, request)
        headers, body = await self._publish(reply)
        line = ResponseStartLine("HTTP/1.1", reply.status, responses[reply.status])
        try:
            connection.write_headers(line, headers, body)
        except StreamClosedError:
            pass  # the kernel hung up; its events are published
        finally:
            connection.finish()

    async def _publish(self, request: _Request) -> tuple[HTTPHeaders, bytes]:
        """Publish the events in a request; set its status and return the rest of its reply."""
        headers = HTTPHeaders()
        try:
            await request.require("write")
            said = await publish(request, json_of(request.request.body))
        except HitlError as error:
            request.status, said = error.status, error.to_wire()
            log_refusal(cast("Any", request), error)
            if isinstance(error, TooMany):
                headers["Retry-After"] = str(error.details.get("retry_after", 1))
        except Exception:  # the same boundary as Tornado's around a handler: one request fails
            request.log.exception("a publish of a kernel failed")
            request.status, said = 500, _FAILED
        request.settings["api_last_activity"] = utc_now()
        body = msgspec.json.encode(said)
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        headers["Date"] = format_timestamp(time.time())
        headers["X-Content-Type-Options"] = "nosniff"
        self._application.log_request(cast("Any", request))
        return headers, body


def add_route(application: Application, services: Services) -> None:
    """Put the route before all others, because those of handlers are matched one by one.

    It does not use ``add_handlers``: a Jupyter server expects a handler's decorators there.
    """
    rule = Rule(KernelPublishMatcher(application, services), KernelPublish(application, services))
    application.default_router.rules.insert(0, rule)
