"""The Jupyter server extension: reads the configuration and owns everything's life.

It opens the log when the server is up, hands kernels the URL and their key, prunes once
an hour, tells the host that it is in use while a crew waits, and closes all of it in reverse
order when the server stops.
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.extension.application import ExtensionApp, ExtensionAppJinjaMixin
from jupyter_server.utils import url_path_join
from traitlets import Bool, Float, Int, List, Unicode

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.server.api import metrics, webhooks
from crewai_hitl_nb.server.auth.kernel_key import load_or_make
from crewai_hitl_nb.server.auth.rate_limits import CALLER_LIMITS, CallerLimits, Limiter
from crewai_hitl_nb.server.base import SETTING, Services
from crewai_hitl_nb.server.fast import kernel_publish
from crewai_hitl_nb.server.host import activity, kernel_listener
from crewai_hitl_nb.server.host.access_log import clean_host_line
from crewai_hitl_nb.server.host.discovery_file import Handover, local_url
from crewai_hitl_nb.server.host.gc_freeze import leave_out_what_is_loaded
from crewai_hitl_nb.server.host.retention import Retention, prune_forever
from crewai_hitl_nb.server.page import STATIC, TEMPLATES
from crewai_hitl_nb.server.routes import PREFIX, ROUTES
from crewai_hitl_nb.server.streams import negotiated
from crewai_hitl_nb.store.base import StoreInUse
from crewai_hitl_nb.store.sqlite.store import SqliteStore

_MOST_LOGS: Final = 20
"""Servers of one user side by side, each with a log of its own."""
_NAME_CHARS: Final = 100
"""Of a named server's name in its log's file name; file systems allow 255 bytes in all."""


class HumanInputApp(ExtensionAppJinjaMixin, ExtensionApp):
    """Human input of crewAI as a durable event stream. Configure ``c.HumanInputApp``."""

    name = "crewai_hitl_nb"
    extension_url = f"/{PREFIX}/"
    load_other_extensions = True
    static_paths = [str(STATIC)]  # noqa: RUF012 - traitlets copies it
    template_paths = [str(TEMPLATES)]  # noqa: RUF012 - traitlets copies it

    store_path = Unicode(
        "",
        config=True,
        help="The SQLite file of the log. Default: crewai-hitl/human_input.db in the Jupyter"
        " data directory; a second server of the same user takes human_input-2.db, and the"
        " named server `gpu` of a JupyterHub human_input.gpu.db.",
    )
    retain_events = Int(
        limits.RETAIN_EVENTS,
        min=0,
        config=True,
        help="Events to keep. Events of open requests are always kept.",
    )
    retain_days = Float(
        limits.RETAIN_DAYS,
        min=0,
        config=True,
        help="Days to keep events. Events of open requests are always kept.",
    )
    heartbeat_seconds = Float(
        limits.HEARTBEAT_SECONDS,
        config=True,
        help="Seconds between two heartbeats on an idle stream.",
    )
    presence_grace_seconds = Float(
        limits.PRESENCE_GRACE_SECONDS,
        config=True,
        help="Seconds that a kernel may be away before its requests are cancelled.",
    )
    buffer_events = Int(
        limits.BUFFER_EVENTS,
        config=True,
        help="Events that wait for one slow reader before it is closed (it can resume).",
    )
    awake_hours = Float(
        limits.AWAKE_HOURS,
        config=True,
        help="Hours that a question a crew waits for counts as activity of the server, so that"
        " it is not culled as idle meanwhile; 0: not at all.",
    )
    hub_check_seconds = Float(
        limits.HUB_CHECK_SECONDS,
        config=True,
        help="On a JupyterHub: seconds between two questions to the hub whether a reader may still"
        " read. Before an answer or a publish it is always asked.",
    )
    max_pending = Int(limits.MAX_PENDING_REQUESTS, config=True, help="Most open requests at once.")

    freeze_at_start = Bool(
        True,
        config=True,
        help="Leave what is loaded at the start out of Python's collections of garbage, which"
        " stop the server for 0.1 to 0.2 s each otherwise.",
    )

    publish_per_second = Float(
        limits.PUBLISH_PER_SECOND,
        config=True,
        help="Events that one caller may publish each second; 0: no limit. So for the next four.",
    )
    answers_per_second = Float(
        limits.ANSWERS_PER_SECOND,
        config=True,
        help="Answers, claims and cancellations of one caller each second.",
    )
    streams_per_second = Float(
        limits.STREAMS_PER_SECOND,
        config=True,
        help="Streams and polls that one caller may open each second.",
    )
    reads_per_second = Float(
        limits.READS_PER_SECOND,
        config=True,
        help="Listings, requests and pages of the trail that one caller may ask for each second.",
    )
    failures_per_second = Float(
        limits.FAILURES_PER_SECOND,
        config=True,
        help="Different wrong credentials that one address may try each second.",
    )
    max_streams_per_caller = Int(
        limits.MAX_STREAMS_PER_CALLER,
        config=True,
        help="Most streams that one caller has open at once; 0: no limit.",
    )
    max_pending_per_caller = Int(
        limits.MAX_PENDING_PER_CALLER,
        config=True,
        help="Most open requests of one caller at once; 0: no limit.",
    )
    max_pending_bytes_per_caller = Int(
        limits.MAX_PENDING_BYTES_PER_CALLER,
        config=True,
        help="What the open requests of one caller may come to, in bytes; 0: no limit.",
    )

    webhook_urls = List(
        Unicode(),
        config=True,
        help="Addresses that events are posted to as they come; see docs/webhooks.md.",
    )
    webhook_secrets = List(
        Unicode(),
        config=True,
        help="Secrets (whsec_...) that every call is signed with, the newest first.",
    )
    webhook_allow_private = Bool(
        False,
        config=True,
        help="Call plain http and addresses of this machine or network, too.",
    )
    webhook_types = List(
        Unicode(),
        config=True,
        help="Types of events to post. Default: human_input_required, human_input_completed.",
    )

    def __init__(self, **kwargs: Any) -> None:
        """Make what lives as long as the application."""
        super().__init__(**kwargs)
        self._handover = Handover(Path(jupyter_runtime_dir()))
        self._loops: list[asyncio.Task[None]] = []
        self._services: Services | None = None
        self._broken = ""
        self._hide: Callable[[], None] | None = None
        self._door: kernel_listener.KernelDoor | None = None

    def initialize_settings(self) -> None:
        """Give the handlers what they work with; the log is opened later."""
        # The host's log of this extension, its lines of requests among them.
        getattr(self.log, "logger", self.log).addFilter(clean_host_line)
        kernel_key, self._broken = self._kernel_key()
        self._services = Services(
            prefix=url_path_join(self.settings["base_url"], PREFIX, "/"),
            routes=ROUTES,
            kernel_key=kernel_key,
            heartbeat=self.heartbeat_seconds,
            hub_check_seconds=self.hub_check_seconds,
            limiter=Limiter(CallerLimits.of({n: getattr(self, n) for n in CALLER_LIMITS})),
        )
        self.settings[SETTING] = self._services

    def initialize_handlers(self) -> None:
        """Serve the table of routes below the prefix."""
        self.handlers.extend((rf"/{PREFIX}/{path}", handler) for path, handler in ROUTES)
        prefix = re.escape(url_path_join(self.settings["base_url"], PREFIX, "/"))
        if self.serverapp is not None and self._services is not None:
            app: Any = self.serverapp.web_app
            kernel_publish.add_route(app, self._services)
            app.add_handlers(".*$", negotiated.rules(prefix, name=self.name))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Open the log and tell kernels where it is; the server's port is final here."""
        services = self._services
        if services is None:
            return
        self._hide = metrics.expose(services)
        if self._broken:
            services.trouble, error = self._broken, StoreUnavailable(self._broken)
            self.log.error("crewai-hitl: nothing is served: %s", error)
            return
        try:
            services.broker, store = await self._open_broker()
        except StoreUnavailable as error:
            services.trouble = error.message
            self.log.error("crewai-hitl: %s", error)
            return
        services.limiter.remember(services.broker.askers, services.broker.size_of)
        awake = activity.keep_noting(
            serverapp.web_app.settings, services.broker, hours=self.awake_hours
        )
        retention = Retention(self.retain_events, self.retain_days)
        pruning = prune_forever(services.broker, retention, self.log)
        self._loops = [
            asyncio.ensure_future(loop) for loop in (pruning, awake, _ask_forever(services))
        ]
        await webhooks.begin(services, store, services.broker, self._webhooks(), self.log)
        self._hand_over(serverapp, services)
        if self.freeze_at_start:
            leave_out_what_is_loaded()

    def _hand_over(self, serverapp: Any, services: Services) -> None:
        """Tell kernels and scripts of this machine a way in that works for them."""
        if not kernel_listener.is_needed(serverapp):
            self._handover.give(_local_url(serverapp), services.kernel_key)
            return
        self._door = kernel_listener.KernelDoor(serverapp, services)
        url = local_url("127.0.0.1", self._door.port, services.prefix)
        page = url_path_join(serverapp.public_url, PREFIX, "/")
        self._handover.give(url, services.kernel_key, page)

    def _webhooks(self) -> WebhookSettings:
        return WebhookSettings(
            urls=tuple(self.webhook_urls),
            secrets=tuple(self.webhook_secrets),
            allow_private=self.webhook_allow_private,
            types=tuple(self.webhook_types),
        )

    async def _open_broker(self) -> tuple[Broker, SqliteStore]:
        """Open the first log that no other running server of this user holds."""
        for number in range(1, _MOST_LOGS + 1):
            path = self._path(number)
            store = SqliteStore(path)
            broker = Broker(
                store,
                presence_grace=self.presence_grace_seconds,
                heartbeat_seconds=self.heartbeat_seconds,
                buffer_events=self.buffer_events,
                max_pending=self.max_pending,
            )
            try:
                await broker.start()
            except StoreInUse:
                continue
            if number > 1:
                self.log.warning("crewai-hitl: another server holds the log; using %s", path)
            return broker, store
        raise StoreUnavailable(
            f"{_MOST_LOGS} servers hold logs in {self._folder()}; stop some of them"
        )

    def _kernel_key(self) -> tuple[str, str]:
        """Return the kernels' key, or one that nobody knows and why it is none of the file's."""
        try:
            return load_or_make(self._folder() / "kernel_key"), ""
        except OSError as error:
            return secrets.token_urlsafe(32), f"the kernels' key cannot be used: {error}"

    def _folder(self) -> Path:
        return self._path(1).parent

    def _path(self, number: int) -> Path:
        default = Path(jupyter_data_dir()) / "crewai-hitl" / "human_input.db"
        path = Path(self.store_path).expanduser() if self.store_path else default
        # A named server of a JupyterHub shares its user's home with others, and must find its
        # own log again whichever of them starts first.
        return path.with_stem(
            log_stem(path.stem, os.environ.get("JUPYTERHUB_SERVER_NAME", ""), number)
        )

    async def stop_extension(self) -> None:
        """Take everything back, in reverse order."""
        self._handover.take_back()
        if self._door is not None:
            self._door.close()
        if self._hide is not None:
            self._hide()
        for loop in self._loops:
            loop.cancel()
        services = self._services
        if services is not None and services.broker is not None:
            await webhooks.end(services)
            broker, services.broker = services.broker, None
            await broker.close()


async def _ask_forever(services: Services) -> None:
    """End the streams of those whom a JupyterHub lets in no more."""
    while True:
        await asyncio.sleep(services.hub_check_seconds)
        await services.streams.ask_the_hub()


def log_stem(stem: str, server: str, number: int) -> str:
    """Return the stem of a log's file name; no two servers, and no two logs of one, share it.

    A server's name may end in ``-2``, so the number of its further logs stands behind a sign that
    no quoted name has. A name that is too long ends in its hash.
    """
    if not server:
        return stem if number == 1 else f"{stem}-{number}"
    name = quote(server, safe="")
    if len(name) > _NAME_CHARS:
        digest = hashlib.sha256(server.encode()).hexdigest()[:32]
        name = f"{name[: _NAME_CHARS - 33]}+{digest}"
    return f"{stem}.{name}" if number == 1 else f"{stem}.{name}+{number}"


def _local_url(server: Any) -> str:
    """Return the prefix as a process on this machine reaches it."""
    return local_url(server.ip, server.port, url_path_join(server.base_url, PREFIX, "/"))
