"""The standalone server: the same handlers without a Jupyter server.

:class:`HumanInputServer` serves the table of routes at its root, for services and scripts
that have no notebook. It gives the handlers what a Jupyter server would: an identity (the
API key), an authorizer and settings; no handler knows which host it is in. A caller without a
valid key gets 401, as the event-streaming guide says ("Error Handling"). A server without a key
serves programs, and only pages of its own origin.

What runs behind the handlers is the same for every host (``host/runtime.py``).
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Final, NoReturn

import jinja2
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import FileFindHandler
from tornado import netutil, web

from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.errors import NotFound, StoreUnavailable
from crewai_hitl_nb.protocol.limits import (
    HEARTBEAT_SECONDS,
    LISTEN_BACKLOG,
    MEMORY_EVENTS,
    RETAIN_DAYS,
    RETAIN_EVENTS,
)
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server.auth import cookie_secret
from crewai_hitl_nb.server.auth.api_keys import ApiKeyIdentity, KeyAuthorizer, may_answer
from crewai_hitl_nb.server.auth.keyring import KeyFileError, Keyring
from crewai_hitl_nb.server.auth.rate_limits import CallerLimits
from crewai_hitl_nb.server.auth.unidentified import Proxies
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.host.access_log import log_request
from crewai_hitl_nb.server.host.discovery_file import Address, local_url
from crewai_hitl_nb.server.host.listener import BoundedServer
from crewai_hitl_nb.server.host.retention import Retention
from crewai_hitl_nb.server.host.runtime import HostSettings, Runtime
from crewai_hitl_nb.server.host.server_thread import ServerThread
from crewai_hitl_nb.server.page import STATIC, TEMPLATES
from crewai_hitl_nb.server.routes import ROUTES
from crewai_hitl_nb.server.services import SETTING
from crewai_hitl_nb.server.streams import negotiated
from crewai_hitl_nb.store.open import MEMORY, locate

_log = logger(__name__)
_NAME: Final = "crewai_hitl_nb"
_STATIC_PREFIX: Final = f"/static/{_NAME}/"


def _limits(given: object) -> Mapping[str, float]:
    wanted = "a dict of the limits in docs/limits.md"
    return {} if given is None else arguments.mapping("limits", wanted, given)


class ServerError(Exception):
    """The server cannot start; the message is one line that says why and what to do."""


class HumanInputServer:
    """Serve human-input events over WebSocket, SSE and polling.

    Args:
        host: Address or name to bind.
        port: Port to bind; 0 takes a free one (see :attr:`port` after the start).
        api_key: The key that callers must send; None serves without one.
        keys_file: Further keys with limited rights, made by ``crewai-hitl keys add``.
        store: Path of the SQLite log, ``sqlite:///path``, ``postgresql://host/database`` for a log
            that several servers share, or ``":memory:"``.
        retain_events: Events to keep; None for a million in a file, and for less in memory. Those
            of open requests are always kept.
        retain_days: Days to keep events, likewise.
        heartbeat: Seconds between two heartbeats on an idle stream.
        webhook_urls: URLs that events are posted to as they happen.
        webhook_secrets: Secrets (``whsec_…``) that sign every call, the newest first.
        webhook_allow_private: Also call plain http URLs and addresses of this network.
        webhook_types: Types of events to post; None for the event-streaming guide's two.
        limits: What one caller may do, by the names in docs/limits.md; a limit that is not named
            keeps its default.
        shortcuts: Whether to serve live streams and held polls on faster paths that bypass
            Tornado's general code.
        trusted_proxies: Addresses or networks of the proxies in front of it. Only their
            ``X-Forwarded-For`` is trusted, and their connections have no cap per address.
        drain_seconds: How long it serves after :meth:`stop`, while ``health`` says ``unhealthy``,
            so that a load balancer stops sending calls; calling :meth:`stop` again ends the wait.

    Raises:
        WrongArgument: An argument is of the wrong kind.
        ValueError: One is out of its range.

    Attributes:
        host: As given.
        port: The port that it is bound to.
        store: Where its log is, for people: without a password.
        started: Set while it accepts connections.

    Use it as a context manager, or call :meth:`start` (blocks) or await
    :meth:`start_async`, and :meth:`stop` from any thread.
    """

    def __init__(  # noqa: PLR0913 - every option of a server, by keyword
        self,
        host: str = "localhost",
        port: int = 8000,
        api_key: str | None = None,
        *,
        keys_file: str | PathLike[str] | None = None,
        store: str | PathLike[str] = MEMORY,
        retain_events: int | None = None,
        retain_days: float = RETAIN_DAYS,
        heartbeat: Seconds = HEARTBEAT_SECONDS,
        webhook_urls: str | Iterable[str] = (),
        webhook_secrets: str | Iterable[str] = (),
        webhook_allow_private: bool = False,
        webhook_types: str | Iterable[str] | None = None,
        limits: Mapping[str, float] | None = None,
        trusted_proxies: str | Iterable[str] = (),
        shortcuts: bool = True,
        drain_seconds: Seconds = 0,
    ) -> None:
        self._proxies = arguments.texts("trusted_proxies", trusted_proxies)
        Proxies(self._proxies)  # raises here for an entry that is wrong
        self.host = arguments.text("host", host)
        self.port = arguments.number("port", port)
        self._api_key = arguments.text_or_none("api_key", api_key) or ""
        self._keys_file = None if keys_file is None else arguments.path("keys_file", keys_file)
        self._keyring: Keyring | None = None
        store = arguments.path("store", store)
        location = locate(store)
        self.store = str(location) if location.is_shared else fspath(store)
        if retain_events is None:
            retain_events = MEMORY_EVENTS if location.in_memory else RETAIN_EVENTS
        heartbeat = arguments.seconds("heartbeat", heartbeat)
        self._drain_seconds = arguments.seconds("drain_seconds", drain_seconds)
        settings = HostSettings(
            prefix="/",
            stores=(fspath(store),),
            discovery_folder=Path(jupyter_runtime_dir()),
            unauthenticated_status=401,
            retention=Retention(
                arguments.number("retain_events", retain_events),
                arguments.real("retain_days", retain_days),
            ),
            caller_limits=CallerLimits.of(_limits(limits)),
            webhooks=WebhookSettings(
                urls=arguments.texts("webhook_urls", webhook_urls),
                secrets=arguments.texts("webhook_secrets", webhook_secrets),
                allow_private=arguments.yes_or_no("webhook_allow_private", webhook_allow_private),
                types=arguments.texts("webhook_types", webhook_types or ()),
            ),
            heartbeat=heartbeat,
            revocation_seconds=heartbeat,
            shortcuts=arguments.yes_or_no("shortcuts", shortcuts),
        )
        self._runtime = Runtime(settings, _log, activity=None)
        self._services = self._runtime.services
        self.started = threading.Event()
        self._http: BoundedServer | None = None
        self._running = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._closing: asyncio.Future[None] | None = None
        self._hurry = asyncio.Event()
        self._thread: ServerThread | None = None

    @property
    def url(self) -> str:
        """The URL for programs on this machine."""
        return local_url(self.host, self.port, "/")

    @property
    def kernel_key(self) -> str:
        """The key of this process's own crews; it ends with the server."""
        return self._services.kernel_key

    @property
    def refusals(self) -> dict[str, int]:
        """How often each limit refused a caller."""
        return dict(self._services.limiter.refused)

    def start(self) -> None:
        """Serve until :meth:`stop` or an interrupt.

        Raises:
            ServerError: One line on why it cannot start and what to do.
        """
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._serve())

    async def start_async(self) -> None:
        """Begin to serve, on a thread and a loop of its own; return when it accepts connections.

        A cell or a handler that blocks the caller's loop thus does not block the server that would
        answer it.

        Raises:
            ServerError: One line on why it cannot start and what to do.
        """
        self._thread = ServerThread(self._serve, self.stop)
        await asyncio.shield(asyncio.wrap_future(self._thread.begin()))

    def stop(self) -> None:
        """Stop serving; callable from any thread, and without effect when it does not serve."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it does not serve
                self._loop.call_soon_threadsafe(self._begin_to_close)

    async def stop_async(self) -> None:
        """Stop serving and return when everything is closed."""
        self.stop()
        await self._ended()

    async def wait(self) -> None:
        """Serve until :meth:`stop`, then close everything and return."""
        try:
            await self._ended()
        finally:
            await self.stop_async()

    async def _ended(self) -> None:
        if self._thread is not None:
            await asyncio.shield(asyncio.wrap_future(self._thread.ended))

    # ---- on the server's own loop

    async def _serve(self, begun: Callable[[], None] = lambda: None) -> None:
        """Serve on the running loop until :meth:`stop`, then close everything.

        Args:
            begun: Called when it accepts connections.

        Raises:
            ServerError: One line on why it cannot start and what to do.
        """
        await self._begin()
        begun()
        try:
            if self._stopped is not None:
                await self._stopped.wait()
        finally:
            await self._close()

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as started:
            sockets = self._bind()
            for sock in sockets:
                started.callback(sock.close)
            try:
                self._keyring = Keyring(Path(self._keys_file)) if self._keys_file else None
                if self._keyring is not None:
                    self._services.may_answer = partial(may_answer, self._keyring)
                application = self._application()
                http = BoundedServer(application, proxies=self._proxies)
                started.push_async_callback(http.close_all_connections)
                await self._runtime.start(lambda _: Address(self.url))
                started.push_async_callback(self._runtime.stop)
                if self._runtime.shared_log is not None:
                    application.settings["cookie_secret"] = await cookie_secret.shared(
                        self._runtime.shared_log, self._api_key
                    )
            except (StoreUnavailable, KeyFileError, OSError) as error:
                raise ServerError(str(error)) from error
            http.add_sockets(sockets)
            started.callback(http.stop)
            started.callback(self.started.clear)
            self._stopped, self._hurry, self._closing = asyncio.Event(), asyncio.Event(), None
            self._services.is_stopping = False
            self._http, self._running = http, started.pop_all()
        self.started.set()
        _log.info("human-input events at %s", self.url)

    def _begin_to_close(self) -> None:
        """Begin to close everything, after the time in which a load balancer notices; again: now.

        Not a coroutine: the loop may be about to end, and would then leave it unawaited.
        """
        if self._http is None:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._drain_and_close())
        else:
            self._hurry.set()

    async def _close(self) -> None:
        self._begin_to_close()
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _drain_and_close(self) -> None:
        self._services.is_stopping = True
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._drain_seconds)
        self._http = None
        try:
            await self._running.aclose()
        finally:
            if self._stopped is not None:
                self._stopped.set()

    def _bind(self) -> list[socket.socket]:
        try:
            sockets = netutil.bind_sockets(self.port, self.host, backlog=LISTEN_BACKLOG)
        except OSError as error:
            raise ServerError(
                f"cannot listen on {self.host}:{self.port}: {error.strerror or error}; "
                "choose another port, or stop what uses this one"
            ) from error
        addresses = {str(sock.getsockname()[0]).partition("%")[0] for sock in sockets}
        needs_key = bool(self._api_key) or self._keys_file is not None
        if not needs_key and not all(ipaddress.ip_address(a).is_loopback for a in addresses):
            for sock in sockets:
                sock.close()
            raise ServerError(
                f"{self.host} can be reached from other machines: give an api_key or a "
                "keys_file, or listen on localhost"
            )
        self.port = sockets[0].getsockname()[1]
        return sockets

    def _application(self) -> web.Application:
        static = {"path": [str(STATIC)]}
        return web.Application(
            [
                *((f"/{path}", handler, {"name": _NAME}) for path, handler in ROUTES),
                *negotiated.rules("/", name=_NAME),
                (f"{_STATIC_PREFIX}(.*)", _StaticFile, static),
            ],
            default_handler_class=_Nothing,
            default_handler_args={"name": _NAME},
            **self._settings(),
        )

    def _settings(self) -> dict[str, Any]:
        """Return the settings of a Jupyter server that the handlers use."""
        templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
        return {
            SETTING: self._services,
            _NAME: SimpleNamespace(log=_log, static_url_prefix=_STATIC_PREFIX),
            f"{_NAME}_jinja2_env": templates,
            "jinja2_env": templates,
            "base_url": "/",
            "cookie_secret": cookie_secret.fresh(),
            "xsrf_cookies": True,
            "identity_provider": ApiKeyIdentity(self._api_key, self._keyring),
            "authorizer": KeyAuthorizer(),
            "headers": {"Content-Security-Policy": "frame-ancestors 'self'"},
            # Tornado's own would write addresses with the tokens in them.
            "log_function": log_request,
            # Without a key only names of this machine: a page whose name was rebound to
            # this address (DNS rebinding) still sends its own name as Host.
            "allow_remote_access": bool(self._api_key) or self._keyring is not None,
            "local_hostnames": ["localhost", self.host],
        }

    # ---- as a context manager

    async def __aenter__(self) -> "HumanInputServer":
        await self.start_async()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop_async()

    def __enter__(self) -> "HumanInputServer":
        self._thread = ServerThread(self._serve, self.stop)
        self._thread.begin().result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.stop()


class _StaticFile(CallerMixin, FileFindHandler):
    """Serves a file of the front end; wrong keys are counted here as well."""


class _Nothing(HitlHandler):
    """Replies 404 at an unknown address, with or without a key."""

    @allow_unauthenticated
    def _say_so(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound("there is nothing at this address; see openapi.json for what there is")

    get = head = post = put = patch = delete = options = _say_so
