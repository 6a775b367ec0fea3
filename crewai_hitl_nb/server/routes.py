"""What is served where, below the prefix."""

from typing import Final

from crewai_hitl_nb.server.api.amp_resume import ResumeHandler
from crewai_hitl_nb.server.api.audit import AuditHandler
from crewai_hitl_nb.server.api.files import FileHandler, UploadHandler
from crewai_hitl_nb.server.api.health import HealthHandler, LiveHandler
from crewai_hitl_nb.server.api.metrics import MetricsHandler
from crewai_hitl_nb.server.api.publish import EventsHandler
from crewai_hitl_nb.server.api.requests import (
    AnswerHandler,
    CancelHandler,
    ClaimHandler,
    RequestHandler,
    RequestsHandler,
)
from crewai_hitl_nb.server.api.rules import RevokeRuleHandler, RulesHandler
from crewai_hitl_nb.server.api.sources import SourceHandler
from crewai_hitl_nb.server.api.webhooks import WebhooksHandler
from crewai_hitl_nb.server.describe.documents import AsyncApiHandler, OpenApiHandler
from crewai_hitl_nb.server.page.inbox import InboxHandler, InsightsHandler
from crewai_hitl_nb.server.page.pwa import ManifestHandler, WorkerHandler
from crewai_hitl_nb.server.services import Routes
from crewai_hitl_nb.server.streams.poll import PollHandler
from crewai_hitl_nb.server.streams.sse import EventStreamHandler
from crewai_hitl_nb.server.streams.websocket import StreamSocket

PREFIX: Final = "crewai-hitl"

_EXECUTION: Final = r"(?:/(?P<execution_id>[^/]+))?"
_REQUEST: Final = r"requests/(?P<request_id>[^/]+)"

ROUTES: Final[Routes] = (
    (r"ws/human-input" + _EXECUTION, StreamSocket),
    (r"events/human-input" + _EXECUTION, EventStreamHandler),
    (r"poll/human-input" + _EXECUTION, PollHandler),
    (r"events", EventsHandler),
    (r"requests", RequestsHandler),
    (_REQUEST, RequestHandler),
    (_REQUEST + r"/answer", AnswerHandler),
    (_REQUEST + r"/claim", ClaimHandler),
    (_REQUEST + r"/cancel", CancelHandler),
    (_REQUEST + r"/files", UploadHandler),
    (_REQUEST + r"/files/(?P<sha256>[^/]+)", FileHandler),
    (r"rules", RulesHandler),
    (r"rules/(?P<rule_id>[^/]+)/revoke", RevokeRuleHandler),
    (r"resume", ResumeHandler),
    (r"sources/(?P<source_id>[^/]+)", SourceHandler),
    (r"audit", AuditHandler),
    (r"webhooks", WebhooksHandler),
    (r"health", HealthHandler),
    (r"health/live", LiveHandler),
    (r"metrics", MetricsHandler),
    (r"openapi\.json", OpenApiHandler),
    (r"asyncapi\.json", AsyncApiHandler),
    (r"manifest\.webmanifest", ManifestHandler),
    (r"service-worker\.js", WorkerHandler),
    (r"insights", InsightsHandler),
    (r"", InboxHandler),
)
