"""Starts, runs and stops everything behind the handlers, in the same order for every host.

A host (the Jupyter extension, the standalone server) translates its configuration into
:class:`HostSettings`, serves the handlers with :attr:`Runtime.services`, and calls
:meth:`Runtime.start` and :meth:`Runtime.stop`. Everything else that a server needs is here, so that
no host can forget a part:

    1. metrics        the server's numbers at the host's ``/metrics``
    2. the log        the first of its locations that no other process holds
    3. the broker     deadlines, reminders, presence; the limits of each caller
    4. background     retention, revoked readers, signs of activity
    5. webhooks       delivery continues after the last event delivered
    6. discovery      tells kernels and scripts of this machine where the server is
    7. garbage        full collections skip the objects that are loaded by now

:meth:`Runtime.stop` goes through the same list backwards, and so does a start that fails half-way:
no task, thread or file is left. A host that survives a failed start tries again by itself if its
log is one that servers share, because the database may be away when the host starts. Below are the
parts, each in its own module; above, the two hosts. It reads no configuration and serves no HTTP.
"""

import asyncio
import random
import secrets
import threading
from collections.abc import Callable, Coroutine, MutableMapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.webhooks.config import BadWebhook, WebhookSettings
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol import form_values, limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import Log, note_fault, origin
from crewai_hitl_nb.server.api import metrics
from crewai_hitl_nb.server.auth import revocation
from crewai_hitl_nb.server.auth.kernel_key import KernelIdentity, load_or_make, server_name
from crewai_hitl_nb.server.auth.rate_limits import CallerLimits, Limiter
from crewai_hitl_nb.server.fast.tornado_internals import find_shortcuts
from crewai_hitl_nb.server.host import activity
from crewai_hitl_nb.server.host.discovery_file import Address, DiscoveryFile
from crewai_hitl_nb.server.host.gc_freeze import leave_out_what_is_loaded
from crewai_hitl_nb.server.host.retention import Retention, prune_forever
from crewai_hitl_nb.server.routes import ROUTES
from crewai_hitl_nb.server.services import STARTING, Services
from crewai_hitl_nb.store.base import StoreInUse
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.open import Location, UnsupportedStore, locate, open_store

_RETRY_SECONDS: Final = 2.0
"""Longest pause before a start that failed is tried again."""

_TRIES_AGAIN: Final = "; the server tries again by itself"


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A host's configuration, checked and in one value.

    Attributes:
        prefix: Path of the endpoints on this host, ending in a slash.
        stores: Paths or URLs of the log (``store/open.py``): the first that no other process
            holds is used. A log that servers share is the only one.
        discovery_folder: Where scripts of this user look for running servers.
        kernel_key_file: Keeps the kernels' key across restarts; None for a key that ends with
            the server.
        unauthenticated_status: HTTP status for a caller without valid credentials.
        retention: How many events are kept, and for how long.
        caller_limits: What one caller may do.
        webhooks: Where events are posted.
        heartbeat: Seconds between two heartbeats on an idle stream.
        presence_grace: Seconds that a process may be away before its requests are cancelled.
        buffer_events: How many live events are buffered for one slow reader.
        max_pending: Most open requests at once.
        max_pending_bytes: Most bytes of open requests in the log; None for the store's default.
        revocation_seconds: Seconds between two checks whether readers may still read.
        awake_hours: How long a question that a process waits for counts as activity.
        host_metrics: Whether the host's ``/metrics`` includes this server's numbers.
        freeze_garbage: Whether full garbage collections skip the objects loaded at the start.
        shortcuts: Whether to take shortcuts past Tornado's general code, if the installed Tornado
            has the names that they need.
        contradiction: Which settings contradict each other; blank if none do.
        survives_failure: Whether the host continues without a log and answers HTTP 503 with the
            reason, until a log that servers share can be opened; otherwise :meth:`Runtime.start`
            raises.
    """

    prefix: str
    stores: Sequence[str]
    discovery_folder: Path
    kernel_key_file: Path | None = None
    unauthenticated_status: int = 403
    retention: Retention = Retention()
    caller_limits: CallerLimits = CallerLimits()
    webhooks: WebhookSettings = WebhookSettings()
    heartbeat: float = limits.HEARTBEAT_SECONDS
    presence_grace: float = limits.PRESENCE_GRACE_SECONDS
    buffer_events: int = limits.BUFFER_EVENTS
    max_pending: int = limits.MAX_PENDING_REQUESTS
    max_pending_bytes: int | None = None
    revocation_seconds: float = limits.HUB_CHECK_SECONDS
    awake_hours: float = limits.AWAKE_HOURS
    host_metrics: bool = False
    freeze_garbage: bool = False
    shortcuts: bool = True
    contradiction: str = ""
    survives_failure: bool = False


AddressOf = Callable[[AsyncExitStack], Address]
"""Returns where kernels and scripts reach the server. If it opens something for them, it pushes the
closing onto the stack."""


def _preload() -> None:
    """Import the check of forms; without free descriptors now, the first form does it."""
    with suppress(OSError, ImportError):
        form_values.prepare()


class Runtime:
    """Starts, runs and stops what the handlers need.

    Args:
        settings: The host's configuration.
        log: The host's log, for messages to its operator.
        activity: Where the host looks for signs of activity; None if nothing stops idle servers.

    Attributes:
        settings: As given.
        services: The objects that the handlers use. Its broker is None unless the log is open.
        shared_log: The open log, if other servers may use it too; None otherwise.
    """

    def __init__(
        self, settings: HostSettings, log: Log, *, activity: MutableMapping[str, Any] | None
    ) -> None:
        self.settings = settings
        self.shared_log: MetadataStore | None = None
        self._log = log
        self._activity = activity
        self._discovery = DiscoveryFile(settings.discovery_folder)
        self._running = AsyncExitStack()
        self._cause = ""  # of the last start that failed
        kernel_key, self._no_key = _kernel_key(settings.kernel_key_file)
        self.services = Services(
            prefix=settings.prefix,
            routes=ROUTES,
            kernel_key=kernel_key,
            heartbeat=settings.heartbeat,
            unauthenticated_status=settings.unauthenticated_status,
            hub_check_seconds=settings.revocation_seconds,
            shortcuts=find_shortcuts(wanted=settings.shortcuts),
            limiter=Limiter(settings.caller_limits),
        )

    async def start(self, address_of: AddressOf) -> None:
        """Start everything, or nothing.

        Args:
            address_of: Called when the log is open.

        Raises:
            StoreUnavailable: No log can be opened, and the host does not survive that.
            OSError: The address cannot be published for kernels and scripts, and the host does
                not survive that.
        """
        if self.settings.host_metrics:  # also without a log: `crewai_hitl_up` is 0 then
            self._running.callback(metrics.expose(self.services))
        try:
            await self._start_all(address_of)
        except (StoreUnavailable, OSError) as error:
            if not self.settings.survives_failure:
                await self.stop()
                raise
            self._failed(error)
            if self._may_open_later:
                self._in_background(self._running, self._start_later(address_of))
        except BaseException:
            await self.stop()
            raise

    async def _start_all(self, address_of: AddressOf) -> None:
        async with AsyncExitStack() as started:
            await self._start(started, address_of)
            self._running.push_async_exit(started.pop_all())

    async def _start_later(self, address_of: AddressOf) -> None:
        """Try to start again until it succeeds."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * _RETRY_SECONDS)  # noqa: S311 - not a secret
            try:
                await self._start_all(address_of)
            except (StoreUnavailable, OSError) as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the next attempt may succeed
                self._failed_unexpectedly(error)
            else:
                self.services.trouble = STARTING
                self._log.warning("crewai-hitl: the log is open now, and everything is served")
                return

    def _failed(self, error: StoreUnavailable | OSError) -> None:
        """Say why nothing is served; in the host's log once for each reason."""
        reason = error.message if isinstance(error, StoreUnavailable) else str(error)
        if self._may_open_later:
            reason += _TRIES_AGAIN
        self.services.trouble = reason
        if self._is_new_cause(reason):
            self._log.error("crewai-hitl: nothing is served: %s", reason)

    def _failed_unexpectedly(self, error: Exception) -> None:
        """Say that nothing is served; in the host's log once for each error."""
        name = type(error).__name__
        self.services.trouble = f"an unexpected error, {name}; see the server's log{_TRIES_AGAIN}"
        if self._is_new_cause(f"{name} {origin(error)}"):
            note_fault(self._log, "start_failed", error)

    def _is_new_cause(self, cause: str) -> bool:
        """Return whether the start before this one did not fail for the same cause."""
        before, self._cause = self._cause, cause
        return before != cause

    @property
    def _may_open_later(self) -> bool:
        """Whether the log is one that servers share; a wrong setting needs a restart."""
        if self.settings.contradiction or self._no_key:
            return False
        try:
            return any(locate(one).is_shared for one in self.settings.stores)
        except UnsupportedStore:
            return False

    async def stop(self) -> None:
        """Stop what was started, in reverse order; may be called at any time."""
        running, self._running = self._running, AsyncExitStack()
        await running.aclose()

    async def _start(self, started: AsyncExitStack, address_of: AddressOf) -> None:
        if wrong := self.settings.contradiction or self._no_key:
            raise StoreUnavailable(wrong)
        broker, store = await self._open_log(started)
        self._in_background(started, prune_forever(broker, self.settings.retention, self._log))
        self._in_background(
            started,
            revocation.check_forever(self.services.streams, self.settings.revocation_seconds),
        )
        if self._activity is not None:
            hours = self.settings.awake_hours
            self._in_background(started, activity.keep_noting(self._activity, broker, hours=hours))
        await self._start_webhooks(started, store, broker)
        started.callback(self._discovery.remove)
        try:
            self._discovery.write(address_of(started), self.services.kernel_key)
        except OSError as error:
            if not self.settings.survives_failure:
                raise
            # Pages still work, and so do the kernels of this server if `address_of` succeeded.
            self._log.error("crewai-hitl: scripts cannot find this server: %s", error)
        # Load the library that checks forms in advance, because that can take seconds. The thread
        # is a daemon, so that a server that is stopped at once does not wait for it.
        threading.Thread(target=_preload, name="preload-form-check", daemon=True).start()
        if self.settings.freeze_garbage:
            leave_out_what_is_loaded()

    async def _open_log(self, started: AsyncExitStack) -> tuple[Broker, MetadataStore]:
        """Open the first log that no other process holds, and start a broker on it."""
        stores = self.settings.stores
        for number, path in enumerate(stores):
            location = locate(path)
            store = open_store(location, memory_events=self.settings.retention.events)
            broker = self._broker(location, store)
            started.push_async_callback(broker.close)
            try:
                await broker.start()
            except StoreInUse:
                if len(stores) == 1:
                    raise
                continue
            if number:
                self._log.warning("crewai-hitl: another server holds the log; using %s", path)
            if location.is_shared:
                self._name_this_server()
                self.shared_log = store
            self.services.broker = broker
            started.callback(self._forget_broker)
            return broker, store
        raise StoreUnavailable(
            f"{len(stores)} servers hold logs in {Path(stores[0]).parent}; stop some of them"
        )

    def _name_this_server(self) -> None:
        """Tell the kernels and the token of this server from those of others with the same log."""
        name = server_name(self.services.kernel_key)
        self.services.server_name = name
        self.services.kernel_identity = KernelIdentity(name)

    def _broker(self, location: Location, store: MetadataStore) -> Broker:
        suits = limits.MAX_PENDING_BYTES
        if location.in_memory:
            suits = limits.MAX_PENDING_BYTES_IN_MEMORY
        given = self.settings.max_pending_bytes
        return Broker(
            store,
            clock=utc_now if store.coordination is None else store.coordination.now,
            presence_grace=self.settings.presence_grace,
            heartbeat_seconds=self.settings.heartbeat,
            buffer_events=self.settings.buffer_events,
            max_pending=self.settings.max_pending,
            max_pending_bytes=suits if given is None else given,
            on_asked=self.services.limiter.stored,
            may_answer=self.services.may_answer,
        )

    def _forget_broker(self) -> None:
        self.services.broker = self.shared_log = None

    async def _start_webhooks(
        self, started: AsyncExitStack, store: MetadataStore, broker: Broker
    ) -> None:
        """Start webhooks; a wrong URL or secret is logged and shown by ``GET webhooks``."""
        self.services.webhooks_trouble = ""
        try:
            webhooks = Webhooks(store, broker, self.settings.webhooks)
            started.push_async_callback(webhooks.close)
            await webhooks.start()
        except (BadWebhook, StoreUnavailable) as error:
            self.services.webhooks_trouble = str(error)
            self._log.error("crewai-hitl: no webhook is delivered: %s", error)
            return
        self.services.webhooks = webhooks
        started.callback(self._forget_webhooks)

    def _forget_webhooks(self) -> None:
        self.services.webhooks = None

    def _in_background(self, started: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        started.push_async_callback(_cancel, task)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _kernel_key(file: Path | None) -> tuple[str, str]:
    """Return the kernels' key; without a usable file, a key that nobody knows and the reason."""
    try:
        return (load_or_make(file) if file else secrets.token_urlsafe(32)), ""
    except OSError as error:
        return secrets.token_urlsafe(32), f"the kernels' key cannot be used: {error}"
