"""schemathesis: whatever is sent, the server answers as openapi.json says, and never with 5xx.

One body of tests over every operation, with calls that fit the document and calls that do
not. Calls that would be held open are cut short: a poll waits a moment at most, and of an
event stream only the beginning is read. SCHEMATHESIS_EXAMPLES asks for more calls.
"""

import os
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from crewai_hitl_nb.server.describe import openapi
from crewai_hitl_nb.server.routes import ROUTES
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.describe.conftest import KEY

BOUNDED = settings(
    max_examples=int(os.environ.get("SCHEMATHESIS_EXAMPLES", "15")),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
QUESTION = {"type": "human_input_required", "prompt": "Good?"}
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

SCHEMA = schemathesis.openapi.from_dict(openapi.document("/", ROUTES))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
STREAMS = [operation for operation in OPERATIONS if operation.path.startswith("/events/")]
CALLS = [operation for operation in OPERATIONS if operation not in STREAMS]


def cases(operation: Any) -> st.SearchStrategy[Any]:
    """Return calls that fit the document, and calls that do not."""
    modes = (operation.as_strategy(generation_mode=mode) for mode in MODES)
    return st.one_of(*modes).map(_with_its_own_host)


def _with_its_own_host(case: Any) -> Any:
    """Leave out another Host header: Tornado refuses a malformed one before any handler."""
    if case.headers:
        case.headers.pop("Host", None)
    return case


@pytest.mark.parametrize("operation", CALLS, ids=lambda operation: operation.label)
def test_any_call_is_answered_as_documented(
    server: HumanInputServer, http: httpx.Client, operation: Any
) -> None:
    @BOUNDED
    @given(case=cases(operation))
    def answered(case: Any) -> None:
        if "timeout" in (case.query or {}):
            case.query = {**case.query, "timeout": "0.01"}
        asked = case.path_parameters.get("request_id")
        if isinstance(asked, str):  # else every such call would be about nothing
            http.post("events", json={**QUESTION, "request_id": asked})
        response = case.call(base_url=server.url, headers=AUTHORIZED, timeout=10)
        case.validate_response(response, checks=CHECKS)

    answered()


@pytest.mark.parametrize("operation", STREAMS, ids=lambda operation: operation.label)
def test_any_event_stream_begins_as_documented(server: HumanInputServer, operation: Any) -> None:
    @BOUNDED
    @given(case=cases(operation))
    def begins(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=server.url, headers=AUTHORIZED)
        with requests.request(**sent, stream=True, timeout=10) as response:
            if response.status_code == 200:
                assert response.headers["Content-Type"] == "text/event-stream"
                assert next(response.iter_lines()) == b"retry: 1000"
            else:
                case.validate_response(response, checks=CHECKS)

    begins()


def test_health_and_refusals_of_strangers_are_documented(server: HumanInputServer) -> None:
    for operation in CALLS:
        case = operation.Case(
            path_parameters={
                "request_id": "r",
                "execution_id": "e",
                "crew_id": "c",
                "rule_id": "r",
                "sha256": "0" * 64,
                "source_id": "s",
            }
        )
        response = case.call(base_url=server.url, timeout=10)
        assert response.status_code == (200 if operation.path.startswith("/health") else 401)
        case.validate_response(response, checks=CHECKS)
