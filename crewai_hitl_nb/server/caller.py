"""Who calls, and what they may do: shared by HTTP and WebSocket handlers.

Identity, XSRF and origin rules are the Jupyter server's own; the kernel key is checked beside them
(``auth/kernel_key.py``). Permissions go through the server's authorizer on the resource
``crewai_hitl``: *read* for streams and lists, *write* to publish and cancel, *execute* to answer
and claim. Above are the handlers' bases; below, ``auth/``.
"""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, Final, TypeVar, cast

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth import Authorizer, IdentityProvider
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import Start, Subscription
from crewai_hitl_nb.broker.reader_counts import Reader, Transport
from crewai_hitl_nb.broker.scoped_broker import ScopedBroker
from crewai_hitl_nb.protocol import ids
from crewai_hitl_nb.protocol.errors import (
    Forbidden,
    InvalidEvent,
    StoreUnavailable,
    TooMany,
    Unavailable,
)
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.auth import hub
from crewai_hitl_nb.server.auth.kernel_key import (
    all_credentials_of,
    credential_of,
    equal_in_constant_time,
)
from crewai_hitl_nb.server.auth.rate_limits import caller_name
from crewai_hitl_nb.server.bodies import BodyMixin, IdentifiedMixin
from crewai_hitl_nb.server.services import SETTING, Services
from crewai_hitl_nb.store.base import Match

_log = logger(__name__)

RESOURCE: Final = "crewai_hitl"
"""Name of the resource that the server's authorizer is asked about."""

_NO_KEY: Final = (
    "the API key is missing or wrong; send `Authorization: Bearer <key>`, or open the page with"
    " `?token=<key>`"
)

Method = TypeVar("Method", bound=Callable[..., Any])


def needs(action: str) -> Callable[[Method], Method]:
    """Let a method run only for an authenticated caller with this permission.

    These are the Jupyter server's own two decorators, in the one order that works.
    """

    def decorate(method: Method) -> Method:
        @wraps(method)
        async def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
            await self.check_again(action)
            return await method(self, *args, **kwargs)

        return cast("Method", web.authenticated(authorized(action, RESOURCE)(checked)))

    return decorate


def no_permission(action: str) -> Forbidden:
    """Return the error for a caller who lacks a permission."""
    return Forbidden(
        f"you do not have permission to {action} on {RESOURCE}; use credentials that have it, or"
        " ask the server's operator"
    )


class CallerMixin(IdentifiedMixin):
    """Identifies the caller of a handler and checks what they may do."""

    settings: dict[str, Any]
    request: HTTPServerRequest

    @property
    def services(self) -> Services:
        """What the application made for the handlers."""
        return cast("Services", self.settings[SETTING])

    @property
    def broker(self) -> Broker | ScopedBroker:
        """The broker, limited to what the caller's key may see.

        Raises:
            StoreUnavailable: The log is not open.
        """
        broker = self.services.broker
        if broker is None:
            raise StoreUnavailable(f"{self.services.trouble}; try again")
        scope = getattr(cast("web.RequestHandler", self).current_user, "key_scope", None)
        return broker if scope is None else ScopedBroker(broker, scope)

    # ---- who calls

    @cached_property
    def by_kernel(self) -> bool:
        """Whether the request carries the kernel key; asked a dozen times for each request."""
        given = credential_of(cast("web.RequestHandler", self))
        return equal_in_constant_time(self.services.kernel_key, given)

    @cached_property
    def hub_token(self) -> hub.HubToken | None:
        """The credential that a JupyterHub accepted; None where no hub did."""
        return None if self.by_kernel else self.services.hub_tokens.of(self)

    @property
    def by_token(self) -> bool:
        """Whether a key or token identifies the caller: no browser sends one on its own."""
        handler = cast("APIHandler", self)
        return self.by_kernel or (
            self.identity_provider.auth_enabled and bool(handler.token_authenticated)
        )

    @cached_property
    def caller(self) -> str:
        """The identity whose limits count."""
        return caller_name(cast("web.RequestHandler", self), self.services.server_name)

    @property
    def person(self) -> str:
        """The caller's name, for people."""
        user = cast("web.RequestHandler", self).current_user
        name = str(user.display_name or user.name or user.username)
        return f"{name} (service)" if hub.is_namesake(user) else name

    @property
    def identity_provider(self) -> IdentityProvider:
        """The host's, unless the request carries the kernel key."""
        if self.by_kernel:
            return self.services.kernel_identity
        return cast("IdentityProvider", super().identity_provider)  # type: ignore[misc]

    @property
    def authorizer(self) -> Authorizer:
        """The host's, unless the request carries the kernel key."""
        if self.by_kernel:
            return self.services.kernel_authorizer
        return cast("Authorizer", super().authorizer)  # type: ignore[misc]

    def check_xsrf_cookie(self) -> None:
        """Skip the XSRF check for the kernel key, which no browser sends on its own.

        The identity provider says the same, but a JupyterHub puts a check of its own into the
        host's handlers that only knows the hub's tokens.
        """
        if not self.by_kernel:
            super().check_xsrf_cookie()  # type: ignore[misc]

    def get_login_url(self) -> str:
        """Where a browser goes that is not logged in.

        Raises:
            HTTPError: 401 on a host that has no such place.
        """
        if self.services.unauthenticated_status == 401:
            raise web.HTTPError(401, _NO_KEY)
        return str(super().get_login_url())  # type: ignore[misc]

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Check the key before anything else, so that every endpoint counts wrong ones.

        An endpoint that is open to all (health, a static file, an unknown address) would otherwise
        tell of any number of guesses which one is right.
        """
        handler = cast("APIHandler", self)
        try:
            if not self.by_kernel:  # nobody guesses that one: this server made it
                await self._count_guess()
            await super().prepare(*args, **kwargs)
        except TooMany as error:
            if isinstance(self, BodyMixin):
                raise  # it is sent after the body: a reply before that ends the connection
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
        guess, provider = all_credentials_of(handler), self.identity_provider
        if not guess or not provider.auth_enabled:
            return
        cannot_be_guessed = getattr(provider, "cannot_be_guessed", None)
        if cannot_be_guessed is None or not cannot_be_guessed(handler):
            limiter.check_guesses(handler)
        user = await ensure_async(provider.get_user(handler))
        if user is not None:
            handler._jupyter_current_user = user  # the host need not look it up again
        if not getattr(handler, "_token_authenticated", False):
            limiter.failed(handler, guess)

    # ---- what they may do

    async def check_again(self, action: str) -> None:
        """Ask the hub, if there is one, whether it still accepts the caller's credential.

        It is asked before each act, and every few seconds about a reader; readers stay connected
        while a hub restarts.

        Raises:
            Forbidden: It does not accept it any more; the caller's streams end.
            Unavailable: The hub does not answer.
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

    async def may(self, action: str) -> bool:
        """Ask the authorizer whether the caller has a permission.

        Raises:
            Forbidden: The hub does not accept their credential any more.
            Unavailable: The hub does not answer.
        """
        await self.check_again(action)
        handler = cast("APIHandler", self)
        allowed = handler.authorizer.is_authorized(handler, handler.current_user, action, RESOURCE)
        return bool(await ensure_async(allowed))

    async def require(self, action: str) -> None:
        """Insist on a permission beyond the handler's own.

        Raises:
            Forbidden: The caller does not have it.
        """
        if not await self.may(action):
            raise no_permission(action)

    def _refuse_other_sites(self) -> None:
        """Refuse a page of another site, which can make a browser send any GET.

        Its image or frame carries no ``Origin``, so the host's rule lets it pass. Browsers say
        where a request comes from (``Sec-Fetch-Site``, W3C "Fetch Metadata"); programs do not.

        Raises:
            Forbidden: The request comes from another site and carries no key.
        """
        headers = cast("web.RequestHandler", self).request.headers
        site = headers.get("Sec-Fetch-Site", "none")
        # With an Origin the host has decided already, by its own settings.
        if site not in ("none", "same-origin") and "Origin" not in headers and not self.by_token:
            raise Forbidden(
                "a page of another site may not read or wait here; open this server's own page, or"
                " send a token"
            )

    # ---- streams

    def subscribe(self, match: Match, start: Start, transport: Transport) -> Subscription:
        """Subscribe for the caller, within what they may see.

        Raises:
            TooMany: The caller has too many streams, or opens them too fast.
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
        """The credential that a stream ends with: see ``auth/revocation.py``."""
        return self.hub_token or cast("web.RequestHandler", self).current_user

    async def waiter(self) -> str | None:
        """Return the waiting process that this connection belongs to, if any.

        Raises:
            BadRequest: Its name is not an id.
            InvalidEvent: Its name is not an id that a new one may have.
            Forbidden: The caller may not ask questions, so it has nothing to wait for: a present
                waiter keeps requests open.
        """
        source = parameters.source(cast("web.RequestHandler", self))
        if source is not None:
            self._refuse_other_sites()
            await self.require("write")
            wrong = ids.complaint(source)
            # An older question may name such a process, and it may still wait.
            if wrong is not None and not await self.broker.is_present(source):
                raise InvalidEvent.at("source", wrong)
        return source

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log a failure without the query of its address, which may hold a token.

        Tornado's own line has the whole address in it.
        """
        request = cast("web.RequestHandler", self).request
        if isinstance(value, web.HTTPError):
            _log.info("%s %s: %s", request.method, request.path, value.status_code)
        else:
            _log.error("%s %s failed", request.method, request.path, exc_info=(typ, value, tb))
