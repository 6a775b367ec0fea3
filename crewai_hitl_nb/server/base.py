"""What every handler shares: who calls, what they may, and how an error is said.

Identity, XSRF and origin rules are the Jupyter server's own; the kernel key stands beside
them (``keys``). Rights go through the server's authorizer on the resource ``crewai_hitl``:
*read* for streams and lists, *write* to publish and cancel, *execute* to answer and claim.
"""

import logging
from collections.abc import Callable
from functools import cached_property, wraps
from http.client import responses
from typing import Any, Final, TypeAlias, TypeVar, cast

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth import Authorizer, IdentityProvider
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web
from tornado.concurrent import Future
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.buffers import Hold
from crewai_hitl_nb.broker.delivery.subscription import Start, Subscription
from crewai_hitl_nb.broker.reader_counts import Reader, Transport
from crewai_hitl_nb.broker.scoped_broker import BrokerWithin
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol import frames, ids, limits
from crewai_hitl_nb.protocol.errors import (
    Forbidden,
    HitlError,
    InvalidEvent,
    Settled,
    StoreUnavailable,
    TooMany,
    Unavailable,
    Unknown,
)
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.auth import hub
from crewai_hitl_nb.server.auth.kernel_key import (
    KernelAuthorizer,
    KernelIdentity,
    presented,
    same,
    tried,
)
from crewai_hitl_nb.server.auth.rate_limits import Limiter, caller_name
from crewai_hitl_nb.server.auth.revocation import OpenStreams
from crewai_hitl_nb.server.bodies import Bodies, BodyMixin, KnownMixin, too_large
from crewai_hitl_nb.server.loop_slices import Turns
from crewai_hitl_nb.store.base import Match

_log = logger(__name__)

RESOURCE: Final = "crewai_hitl"
"""Name of the resource that the server's authorizer is asked about."""

_NO_KEY: Final = "no or wrong key; send `Authorization: Bearer <key>`, or open ?token=<key>"

SETTING: Final = "crewai_hitl_services"


Routes: TypeAlias = tuple[tuple[str, type[Any]], ...]
"""Patterns of paths below the prefix, each with the handler that serves it."""


class Services(msgspec.Struct):
    """What handlers work with; made by the application, found in Tornado's settings.

    Attributes:
        prefix: Path of the endpoints on this host, ending in a slash.
        routes: What is served below the prefix.
        kernel_key: The key of this server's kernels.
        heartbeat: Seconds between two heartbeats on an idle stream.
        unauthenticated_status: What who did not say who they are is told: 403 by the
            conventions of a Jupyter server, 401 by the stream document's own.
        broker: None until the log is open, and after it was closed.
        trouble: Why there is no broker, for people.
        webhooks: None while nothing is delivered to webhooks.
        webhooks_trouble: Why that is so, for people, if it should not be.
        lean: Whether live connections are left to lean writers where that can be.
        limiter: What each caller may do, and how often.
        hub_tokens: What a JupyterHub lets callers in by.
        hub_check_seconds: How old what the hub said of a reader may be.
        streams: Whose streams are open.
        turns: What is left to do for calls that one event has ended.
        bodies: What callers sent and nobody has dealt with yet.
        kernel_identity: Who carries the kernel key. Made once: a configurable of the host
            costs more to make than all the rest of a request.
        kernel_authorizer: What they may, made once for the same reason.
    """

    prefix: str
    routes: Routes
    kernel_key: str
    heartbeat: float = limits.HEARTBEAT_SECONDS
    unauthenticated_status: int = 403
    broker: Broker | None = None
    trouble: str = "the server is starting or stopping"
    webhooks: Webhooks | None = None
    webhooks_trouble: str = ""
    lean: bool = True
    limiter: Limiter = msgspec.field(default_factory=Limiter)
    hub_tokens: hub.HubTokens = msgspec.field(default_factory=hub.HubTokens)
    hub_check_seconds: float = limits.HUB_CHECK_SECONDS
    streams: OpenStreams = msgspec.field(default_factory=OpenStreams)
    turns: Turns = msgspec.field(default_factory=Turns)
    bodies: Bodies = msgspec.field(default_factory=Bodies)
    kernel_identity: KernelIdentity = msgspec.field(default_factory=KernelIdentity)
    kernel_authorizer: KernelAuthorizer = msgspec.field(default_factory=KernelAuthorizer)


Method = TypeVar("Method", bound=Callable[..., Any])


def needs(action: str) -> Callable[[Method], Method]:
    """Let a method run only for a known caller with this right on the resource.

    The Jupyter server's own two decorators, in the one order that is right.
    """

    def decorate(method: Method) -> Method:
        @wraps(method)
        async def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
            await self.check_again(action)
            return await method(self, *args, **kwargs)

        return cast("Method", web.authenticated(authorized(action, RESOURCE)(checked)))

    return decorate


class CallerMixin(KnownMixin):
    """Finds out who calls, for HTTP and WebSocket handlers alike."""

    settings: dict[str, Any]
    request: HTTPServerRequest

    @property
    def services(self) -> Services:
        """What the application made for the handlers."""
        return cast("Services", self.settings[SETTING])

    @property
    def broker(self) -> Broker | BrokerWithin:
        """The broker, as far as the caller sees it.

        Raises:
            StoreUnavailable: The log is not open.
        """
        broker = self.services.broker
        if broker is None:
            raise StoreUnavailable(f"{self.services.trouble}; try again")
        reach = getattr(cast("web.RequestHandler", self).current_user, "reach", None)
        return broker if reach is None else BrokerWithin(broker, reach)

    @cached_property
    def by_kernel(self) -> bool:
        """Whether the request carries the kernel key; asked a dozen times for each request."""
        key = self.services.kernel_key
        return same(key, presented(cast("web.RequestHandler", self)))

    @cached_property
    def hub_token(self) -> hub.HubToken | None:
        """What a JupyterHub let the caller in by; None where no hub did."""
        return None if self.by_kernel else self.services.hub_tokens.of(self)

    async def check_again(self, action: str) -> None:
        """Ask the hub, if there is one, whether it still lets the caller in.

        Before each act, and for who reads every few seconds; reading goes on while a hub restarts.

        Raises:
            Forbidden: It does not; their streams end.
            Unavailable: The hub cannot be asked now.
        """
        if self.hub_token is None:
            return
        try:
            await self.hub_token.check(
                within=self.services.hub_check_seconds if action == "read" else 0
            )
        except Forbidden:
            self.services.streams.end_revoked()
            raise
        except Unavailable:
            if action != "read":
                raise

    @property
    def by_token(self) -> bool:
        """Whether a key or token says who calls: no browser sends one on its own."""
        handler = cast("APIHandler", self)
        return self.by_kernel or (
            self.identity_provider.auth_enabled and bool(handler.token_authenticated)
        )

    @cached_property
    def caller(self) -> str:
        """Whose limits count."""
        return caller_name(cast("web.RequestHandler", self))

    def subscribe(self, match: Match, start: Start, transport: Transport) -> Subscription:
        """Begin to read for the caller, as far as the caller sees and may.

        Raises:
            TooMany: The caller reads, or opens streams, more than one caller may.
        """
        self._refuse_other_sites()
        limiter, broker = self.services.limiter, self.broker
        limiter.take("open", self.caller)
        limiter.cap_streams(self.caller, broker.readers.of(self.caller))
        subscription = broker.subscribe(match, start, Reader(self.caller, transport))
        self.services.streams.began(subscription, self.reader)
        return subscription

    @property
    def reader(self) -> object:
        """Whose right to read can end: see ``revocation``."""
        return self.hub_token or cast("web.RequestHandler", self).current_user

    async def waiter(self) -> str | None:
        """Return the waiter that this connection is, if any.

        Raises:
            BadRequest: Its name is no id.
            InvalidEvent: Its name is no id that a new waiter may have.
            Forbidden: The caller asks nothing, so there is nothing to wait for: a present
                waiter keeps requests open.
        """
        source = parameters.source(cast("web.RequestHandler", self))
        if source is not None:
            self._refuse_other_sites()
            await self.require("write")
            wrong = ids.complaint(source)
            # One that an older question names is awaited already.
            if wrong is not None and not await self.broker.is_present(source):
                raise InvalidEvent.at("source", wrong)
        return source

    def _refuse_other_sites(self) -> None:
        """Refuse a page of another site, which can make a browser send any GET.

        Its image or frame carries no ``Origin``, so the host's rule lets it pass. Browsers say
        where a request comes from (``Sec-Fetch-Site``, W3C "Fetch Metadata"); programs do not.

        Raises:
            Forbidden: It comes from elsewhere, and no key says that it may.
        """
        headers = cast("web.RequestHandler", self).request.headers
        site = headers.get("Sec-Fetch-Site", "none")
        # With an Origin the host has decided already, by its own settings.
        if site not in ("none", "same-origin") and "Origin" not in headers and not self.by_token:
            raise Forbidden("a page of another site may not read or wait here")

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Look at the key before anything else: wrong ones are counted at every door alike.

        A door that refuses nobody (health, a static file, an address where nothing is) would
        otherwise say of any number of guesses which one is right.
        """
        handler = cast("APIHandler", self)
        try:
            if not self.by_kernel:  # nobody guesses that one: it is of our making
                await self._count_guess()
            await super().prepare(*args, **kwargs)
        except TooMany as error:
            if isinstance(self, BodyMixin):
                raise  # it is said behind the body: a reply before that ends the connection
            handler.set_status(error.status)
            handler.set_header("Retry-After", str(error.details.get("retry_after", 1)))
            handler.set_header("Content-Type", "application/json")
            await handler.finish(msgspec.json.encode(error.to_wire()))

    async def _count_guess(self) -> None:
        """Count a wrong key.

        Raises:
            TooMany: This address tried too many; then the right one is refused as well.
        """
        handler, limiter = cast("APIHandler", self), self.services.limiter
        guess, provider = tried(handler), self.identity_provider
        if not guess or not provider.auth_enabled:
            return
        cannot_be_guessed = getattr(provider, "cannot_be_guessed", None)
        if cannot_be_guessed is None or not cannot_be_guessed(handler):
            limiter.check_guesses(handler)
        user = await ensure_async(provider.get_user(handler))
        if user is not None:
            handler._jupyter_current_user = user  # the host need not look again
        if not getattr(handler, "_token_authenticated", False):
            limiter.failed(handler, guess)

    @property
    def identity_provider(self) -> IdentityProvider:
        """The host's, unless the kernel key says who calls."""
        if self.by_kernel:
            return self.services.kernel_identity
        return cast("IdentityProvider", super().identity_provider)  # type: ignore[misc]

    @property
    def authorizer(self) -> Authorizer:
        """The host's, unless the kernel key is the right."""
        if self.by_kernel:
            return self.services.kernel_authorizer
        return cast("Authorizer", super().authorizer)  # type: ignore[misc]

    def check_xsrf_cookie(self) -> None:
        """Ask no proof of origin of the kernel key, which no browser sends on its own.

        Said here again, although the identity says so, because a JupyterHub puts a check of its
        own into the host's handlers that only knows the hub's tokens.
        """
        if not self.by_kernel:
            super().check_xsrf_cookie()  # type: ignore[misc]

    @property
    def person(self) -> str:
        """The caller's name, for people."""
        user = cast("web.RequestHandler", self).current_user
        name = str(user.display_name or user.name or user.username)
        return f"{name} (service)" if hub.is_namesake(user) else name

    def get_login_url(self) -> str:
        """Where a browser goes that did not say who it is.

        Raises:
            HTTPError: 401 on a host that has no such place.
        """
        if self.services.unauthenticated_status == 401:
            raise web.HTTPError(401, _NO_KEY)
        return str(super().get_login_url())  # type: ignore[misc]

    async def may(self, action: str) -> bool:
        """Ask the authorizer whether the caller has a right.

        Raises:
            Forbidden: The hub does not let them in any more.
            Unavailable: The hub cannot be asked now.
        """
        await self.check_again(action)
        handler = cast("APIHandler", self)
        allowed = handler.authorizer.is_authorized(handler, handler.current_user, action, RESOURCE)
        return bool(await ensure_async(allowed))

    async def require(self, action: str) -> None:
        """Insist on one more right than the handler's own.

        Raises:
            Forbidden: The caller has it not.
        """
        if not await self.may(action):
            raise Forbidden(f"you have not the right to {action} on {RESOURCE}")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Write the line of a failure without the query of its address, which may hold a token.

        What Tornado writes in its place has the whole address in it.
        """
        request = cast("web.RequestHandler", self).request
        if isinstance(value, web.HTTPError):
            _log.info("%s %s: %s", request.method, request.path, value.status_code)
        else:
            _log.error("%s %s failed", request.method, request.path, exc_info=(typ, value, tb))


class JsonErrorsMixin:
    """Says every error as ``{"error": code, "message": …}`` with its status."""

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Give an error of the protocol its own status."""
        error, handler = _raised(kwargs), cast("web.RequestHandler", self)
        if isinstance(error, HitlError):
            status_code = error.status
        elif status_code in (401, 403) and not handler.current_user:
            status_code = cast("CallerMixin", self).services.unauthenticated_status
        super().send_error(status_code, **kwargs)  # type: ignore[misc]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the error's body."""
        handler = cast("web.RequestHandler", self)
        error = _raised(kwargs)
        if isinstance(error, TooMany):
            handler.set_header("Retry-After", str(error.details.get("retry_after", 1)))
        body = error.to_wire() if isinstance(error, HitlError) else _host_error(status_code, error)
        if status_code == 401:
            handler.set_header("WWW-Authenticate", "Bearer")
        handler.set_header("Content-Type", "application/json")
        handler.finish(msgspec.json.encode(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A caller's mistake is not this server's trouble: no traceback for it."""
        if isinstance(value, HitlError):
            note_refusal(cast("CallerMixin", self), value)
            return
        super().log_exception(typ, value, tb)  # type: ignore[misc]


def note_refusal(caller: CallerMixin, error: HitlError) -> None:
    """Write the line of a refusal; its address may hold a token, so it does not stand there.

    Who asks for what is not there, or no more, does so in the normal course of things.
    """
    level = logging.DEBUG if isinstance(error, Unknown | Settled | TooMany) else logging.INFO
    handler = cast("web.RequestHandler", caller)
    note(
        _log,
        level,
        "refused",
        error=error.code,
        status=error.status,
        method=handler.request.method,
        request_id=handler.path_kwargs.get("request_id"),
        execution_id=handler.path_kwargs.get("execution_id"),
    )


@web.stream_request_body
class HitlHandler(JsonErrorsMixin, BodyMixin, CallerMixin, ExtensionHandlerMixin, APIHandler):
    """Base of the HTTP handlers."""

    def json_body(self) -> object:
        """Return the decoded body; raises as :func:`json_of`."""
        return json_of(self.body)

    _page: Hold | None = None

    async def room(self) -> None:
        """Wait until a page may be read: what others were sent and do not read has a bound."""
        self._page = self._new_hold()
        if self._page is not None:
            await self._page.room()

    def reply(self, body: object) -> None:
        """Finish with a JSON body."""
        data = msgspec.json.encode(body)
        self.counted(self.finish(data), len(data))

    def counted(self, sent: "Future[Any]", size: int) -> None:
        """Count a reply among what waits for readers until it is sent."""
        hold, self._page = self._page, None
        if hold is None and size > limits.SHARED_REPLY_BYTES:
            hold = self._new_hold()
        if hold is not None:
            hold.resize(size)
            sent.add_done_callback(lambda _: hold.release())

    def _new_hold(self) -> Hold | None:
        broker = self.services.broker
        connection = cast("HTTP1Connection", self.request.connection)

        def cut() -> None:  # its reply is not read, and others wait
            if connection.stream is not None:
                connection.stream.close()
            if hold is not None:
                hold.release()

        hold = None if broker is None else broker.buffers.hold(cut)
        return hold

    def on_finish(self) -> None:
        """The reply is on its way; one that is an error needs no page."""
        super().on_finish()
        if self._page is not None and self.get_status() >= 400:
            self._page.release()


def json_of(body: bytes) -> object:
    """Return a decoded body; an empty one is an empty object.

    Raises:
        TooLarge: It is over the limit.
        BadJson: With the place of the first wrong character.
    """
    if len(body) > limits.MAX_BODY_BYTES:
        raise too_large(len(body))
    return frames.decode_body(body) if body.strip() else {}


def _raised(kwargs: dict[str, Any]) -> BaseException | None:
    info = kwargs.get("exc_info")
    return info[1] if info else None


_CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "not_allowed",
}


def _host_error(status: int, error: BaseException | None) -> dict[str, str]:
    """Say an error of the host in our words; nothing of an unexpected one leaks out."""
    said = error.log_message if isinstance(error, web.HTTPError) else None
    message = said or responses.get(status, "unknown error")
    if status in (401, 403) and not said:
        message = "no or wrong credentials; send `Authorization: Bearer <token>`, or log in"
    return {"error": _CODES.get(status, "server_error"), "message": message}
