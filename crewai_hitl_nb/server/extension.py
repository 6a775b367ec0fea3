"""The Jupyter server extension: translates Jupyter's configuration and serves the handlers.

What runs behind them, and how it starts and stops, is the same for every host
(``host/runtime.py``). Only this module knows traits, and where a Jupyter server keeps its data.
"""

import hashlib
import os
import re
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.extension.application import ExtensionApp, ExtensionAppJinjaMixin
from jupyter_server.utils import url_path_join
from traitlets import Bool, Float, Int, List, Unicode

from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.auth.rate_limits import CALLER_LIMITS, CallerLimits
from crewai_hitl_nb.server.fast import kernel_publish
from crewai_hitl_nb.server.host import kernel_listener
from crewai_hitl_nb.server.host.access_log import clean_host_line
from crewai_hitl_nb.server.host.discovery_file import Address, local_url
from crewai_hitl_nb.server.host.retention import Retention
from crewai_hitl_nb.server.host.runtime import HostSettings, Runtime
from crewai_hitl_nb.server.page import STATIC, TEMPLATES
from crewai_hitl_nb.server.routes import PREFIX, ROUTES
from crewai_hitl_nb.server.services import SETTING, Services
from crewai_hitl_nb.server.streams import negotiated
from crewai_hitl_nb.store.open import MEMORY, UnsupportedStore, locate

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

    store = Unicode(
        "",
        config=True,
        help="Path or URL of the log: a SQLite file, or postgresql://user@host/database for a log"
        " that several servers share. Libpq also reads the password from PGPASSWORD or ~/.pgpass."
        " Set this or store_path, not both.",
    )
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
        help="Hours for which a question that a crew waits for counts as activity, so that the"
        " server is not culled as idle meanwhile; 0: not at all.",
    )
    hub_check_seconds = Float(
        limits.HUB_CHECK_SECONDS,
        config=True,
        help="On a JupyterHub: seconds between two checks with the hub that a reader may still"
        " read. Before an answer or a publish the hub is always asked.",
    )
    max_pending = Int(limits.MAX_PENDING_REQUESTS, config=True, help="Most open requests at once.")

    freeze_at_start = Bool(
        True,
        config=True,
        help="Leave what is loaded at the start out of Python's full garbage collections, each of"
        " which otherwise stops the server for 0.1 to 0.2 s.",
    )

    shortcuts = Bool(
        True,
        config=True,
        help="Serve live streams, held polls and kernels' publishes on faster paths that bypass"
        " Tornado's general code. Turn it off to find out whether they cause a fault; that is"
        " slower and takes more memory for each reader.",
    )

    publish_per_second = Float(
        limits.PUBLISH_PER_SECOND,
        config=True,
        help="Events that one caller may publish each second; 0: no limit.",
    )
    answers_per_second = Float(
        limits.ANSWERS_PER_SECOND,
        config=True,
        help="Answers, claims and cancellations of one caller each second; 0: no limit.",
    )
    streams_per_second = Float(
        limits.STREAMS_PER_SECOND,
        config=True,
        help="Streams and polls that one caller may open each second; 0: no limit.",
    )
    reads_per_second = Float(
        limits.READS_PER_SECOND,
        config=True,
        help="Listings, requests and pages of the trail that one caller may read each second; 0: no"
        " limit.",
    )
    uploads_per_second = Float(
        limits.UPLOADS_PER_SECOND,
        config=True,
        help="Files that one caller may upload each second; 0: no limit.",
    )
    failures_per_second = Float(
        limits.FAILURES_PER_SECOND,
        config=True,
        help="Different wrong credentials that one address may try each second; 0: no limit.",
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
        help="Most bytes that the open requests of one caller may take in the log; 0: no limit.",
    )

    webhook_urls = List(
        Unicode(),
        config=True,
        help="URLs that events are posted to as they happen; see docs/webhooks.md.",
    )
    webhook_secrets = List(
        Unicode(),
        config=True,
        help="Secrets (whsec_...) that every call is signed with, the newest first.",
    )
    webhook_allow_private = Bool(
        False,
        config=True,
        help="Also call plain http URLs and addresses of this machine or network.",
    )
    webhook_types = List(
        Unicode(),
        config=True,
        help="Types of events to post. Default: human_input_required, human_input_completed.",
    )

    _runtime: Runtime | None = None

    def initialize_settings(self) -> None:
        """Give the handlers what they work with; the log is opened later."""
        # The host's log of this extension, which includes its lines about requests.
        getattr(self.log, "logger", self.log).addFilter(clean_host_line)
        host = self.settings if self.serverapp is None else self.serverapp.web_app.settings
        self._runtime = Runtime(self._host_settings(), self.log, activity=host)
        self.settings[SETTING] = self._runtime.services

    def initialize_handlers(self) -> None:
        """Serve the table of routes below the prefix."""
        self.handlers.extend((rf"/{PREFIX}/{path}", handler) for path, handler in ROUTES)
        prefix = re.escape(self._prefix())
        if self.serverapp is not None and self._runtime is not None:
            app: Any = self.serverapp.web_app
            kernel_publish.add_route(app, self._runtime.services)
            app.add_handlers(".*$", negotiated.rules(prefix, name=self.name))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Start what is behind the handlers; the server's port is final here."""
        if self._runtime is not None:
            await self._runtime.start(partial(_address, serverapp, self._runtime.services))

    async def stop_extension(self) -> None:
        """Stop what was started."""
        if self._runtime is not None:
            await self._runtime.stop()

    def _host_settings(self) -> HostSettings:
        return HostSettings(
            prefix=self._prefix(),
            stores=self._stores(),
            discovery_folder=Path(jupyter_runtime_dir()),
            kernel_key_file=self._file().with_name("kernel_key"),
            retention=Retention(self._retained_events(), self.retain_days),
            caller_limits=CallerLimits.of({name: getattr(self, name) for name in CALLER_LIMITS}),
            webhooks=WebhookSettings(
                urls=tuple(self.webhook_urls),
                secrets=tuple(self.webhook_secrets),
                allow_private=self.webhook_allow_private,
                types=tuple(self.webhook_types),
            ),
            heartbeat=self.heartbeat_seconds,
            presence_grace=self.presence_grace_seconds,
            buffer_events=self.buffer_events,
            max_pending=self.max_pending,
            revocation_seconds=self.hub_check_seconds,
            awake_hours=self.awake_hours,
            contradiction=self._contradiction(),
            host_metrics=True,
            freeze_garbage=self.freeze_at_start,
            shortcuts=self.shortcuts,
            survives_failure=True,
        )

    def _contradiction(self) -> str:
        if not (self.store and self.store_path):
            return ""
        return (
            "both c.HumanInputApp.store and c.HumanInputApp.store_path are set, and there is one"
            " log; remove one of them"
        )

    def _where(self) -> str:
        """Return the path or URL that was set; blank for the default."""
        return self.store or self.store_path

    def _prefix(self) -> str:
        return str(url_path_join(self.settings["base_url"], PREFIX, "/"))

    def _retained_events(self) -> int:
        """Return how many events to keep: fewer in memory, unless a number was set."""
        is_set = self.retain_events != limits.RETAIN_EVENTS
        return self.retain_events if is_set or self._stores() != (MEMORY,) else limits.MEMORY_EVENTS

    def _stores(self) -> tuple[str, ...]:
        """Return where the log may be: servers of one user side by side have one each."""
        where = self._where()
        try:
            location = locate(where or self._file())
        except UnsupportedStore:
            return (where,)  # the runtime says what is wrong with it
        if location.in_memory:
            return (MEMORY,)
        if location.is_shared:
            return (where,)
        file = self._file()
        # A named server of a JupyterHub shares its user's home with others, and must find its
        # own log again whichever of them starts first.
        name = os.environ.get("JUPYTERHUB_SERVER_NAME", "")
        return tuple(
            str(file.with_stem(log_stem(file.stem, name, number)))
            for number in range(1, _MOST_LOGS + 1)
        )

    def _file(self) -> Path:
        """Return the log's file, but for the names of servers; the kernels' key is beside it."""
        default = Path(jupyter_data_dir()) / "crewai-hitl" / "human_input.db"
        try:
            return (locate(self._where()).path if self._where() else None) or default
        except UnsupportedStore:
            return default


def _address(serverapp: Any, services: Services, opened: AsyncExitStack) -> Address:
    """Return where kernels and scripts of this machine reach the server; open it if need be."""
    if not kernel_listener.is_needed(serverapp):
        return Address(local_url(serverapp.ip, serverapp.port, services.prefix))
    listener = kernel_listener.KernelListener(serverapp, services)
    opened.callback(listener.close)
    page = url_path_join(serverapp.public_url, PREFIX, "/")
    return Address(local_url("127.0.0.1", listener.port, services.prefix), page)


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
