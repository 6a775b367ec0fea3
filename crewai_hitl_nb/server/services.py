"""What the application makes for its handlers, which find it in Tornado's settings.

Above are the handlers and the fast paths; below, the parts that :class:`Services` holds. A host
makes it through ``host/runtime.py``, which opens and closes what is behind it.
"""

from typing import Any, Final, TypeAlias

import msgspec

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.requests.rules import MayAnswer, anybody
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.auth import hub
from crewai_hitl_nb.server.auth.kernel_key import KernelAuthorizer, KernelIdentity
from crewai_hitl_nb.server.auth.rate_limits import Limiter
from crewai_hitl_nb.server.auth.revocation import OpenStreams
from crewai_hitl_nb.server.body_budget import BodyBudget
from crewai_hitl_nb.server.fast.tornado_internals import Shortcuts, find_shortcuts
from crewai_hitl_nb.server.loop_slices import LoopSlices

SETTING: Final = "crewai_hitl_services"
"""Name of :class:`Services` in Tornado's settings."""

STARTING: Final = "the server is starting or stopping"

Routes: TypeAlias = tuple[tuple[str, type[Any]], ...]
"""Patterns of paths below the prefix, each with the handler that serves it."""


class Services(msgspec.Struct):
    """What handlers work with.

    Attributes:
        prefix: Path of the endpoints on this host, ending in a slash.
        routes: What is served below the prefix.
        kernel_key: The key of this server's kernels.
        heartbeat: Seconds between two heartbeats on an idle stream.
        unauthenticated_status: HTTP status for a caller without valid credentials: 403 by the
            conventions of a Jupyter server, 401 by those of the event-streaming guide.
        server_name: The name of this server among those that share its log; blank if its log is
            its own.
        broker: None until the log is open, and after it was closed.
        trouble: Why there is no broker, for people.
        is_stopping: Whether it was told to stop, and still serves for a while so that a load
            balancer notices.
        webhooks: None while nothing is delivered to webhooks.
        webhooks_trouble: Why that is so, for people, if it should not be.
        shortcuts: Which shortcuts past Tornado's general code are taken.
        limiter: What each caller may do, and how often.
        hub_tokens: The credentials that a JupyterHub accepted lately.
        hub_check_seconds: How old the hub's word on a reader may be.
        streams: The open streams and their callers.
        loop_slices: Calls a few callbacks in each turn of the loop, for held polls.
        bodies: How much memory request bodies take that are not answered yet.
        kernel_identity: Who carries the kernel key. Made once: a configurable of the host
            costs more to make than all the rest of a request.
        kernel_authorizer: What they may do, made once for the same reason.
        may_answer: Whether a caller's key lets them answer a question, where the server keeps keys.
    """

    prefix: str
    routes: Routes
    kernel_key: str
    heartbeat: float = limits.HEARTBEAT_SECONDS
    unauthenticated_status: int = 403
    server_name: str = ""
    broker: Broker | None = None
    trouble: str = STARTING
    is_stopping: bool = False
    webhooks: Webhooks | None = None
    webhooks_trouble: str = ""
    shortcuts: Shortcuts = msgspec.field(default_factory=find_shortcuts)
    limiter: Limiter = msgspec.field(default_factory=Limiter)
    hub_tokens: hub.HubTokens = msgspec.field(default_factory=hub.HubTokens)
    hub_check_seconds: float = limits.HUB_CHECK_SECONDS
    streams: OpenStreams = msgspec.field(default_factory=OpenStreams)
    loop_slices: LoopSlices = msgspec.field(default_factory=LoopSlices)
    bodies: BodyBudget = msgspec.field(default_factory=BodyBudget)
    kernel_identity: KernelIdentity = msgspec.field(default_factory=KernelIdentity)
    kernel_authorizer: KernelAuthorizer = msgspec.field(default_factory=KernelAuthorizer)
    may_answer: MayAnswer = anybody
