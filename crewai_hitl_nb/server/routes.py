"""What is served where, below the prefix."""

from typing import Any, Final

from crewai_hitl_nb.server.audit import AuditHandler
from crewai_hitl_nb.server.documents import AsyncApiHandler, OpenApiHandler
from crewai_hitl_nb.server.health import HealthHandler
from crewai_hitl_nb.server.inbox import InboxHandler
from crewai_hitl_nb.server.install import ManifestHandler, WorkerHandler
from crewai_hitl_nb.server.metrics import MetricsHandler
from crewai_hitl_nb.server.poll import PollHandler
from crewai_hitl_nb.server.publish import EventsHandler
from crewai_hitl_nb.server.requests import (
    AnswerHandler,
    CancelHandler,
    ClaimHandler,
    RequestHandler,
    RequestsHandler,
)
from crewai_hitl_nb.server.resume import ResumeHandler
from crewai_hitl_nb.server.sources import SourceHandler
from crewai_hitl_nb.server.sse import EventStreamHandler
from crewai_hitl_nb.server.webhooks import WebhooksHandler
from crewai_hitl_nb.server.websocket import StreamSocket

PREFIX: Final = "crewai-hitl"

_EXECUTION: Final = r"(?:/(?P<execution_id>[^/]+))?"
_REQUEST: Final = r"requests/(?P<request_id>[^/]+)"

ROUTES: Final[tuple[tuple[str, type[Any]], ...]] = (
    (r"ws/human-input" + _EXECUTION, StreamSocket),
    (r"events/human-input" + _EXECUTION, EventStreamHandler),
    (r"poll/human-input" + _EXECUTION, PollHandler),
    (r"events", EventsHandler),
    (r"requests", RequestsHandler),
    (_REQUEST, RequestHandler),
    (_REQUEST + r"/answer", AnswerHandler),
    (_REQUEST + r"/claim", ClaimHandler),
    (_REQUEST + r"/cancel", CancelHandler),
    (r"resume", ResumeHandler),
    (r"sources/(?P<source_id>[^/]+)", SourceHandler),
    (r"audit", AuditHandler),
    (r"webhooks", WebhooksHandler),
    (r"health", HealthHandler),
    (r"metrics", MetricsHandler),
    (r"openapi\.json", OpenApiHandler),
    (r"asyncapi\.json", AsyncApiHandler),
    (r"manifest\.webmanifest", ManifestHandler),
    (r"service-worker\.js", WorkerHandler),
    (r"", InboxHandler),
)
