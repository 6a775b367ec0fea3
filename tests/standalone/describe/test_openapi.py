"""openapi.json: valid, the same every time, and about exactly what is served."""

import re
import subprocess
import sys
from typing import Any

import httpx
import jsonschema
import openapi_spec_validator
import pytest

from crewai_hitl_nb.protocol import errors
from crewai_hitl_nb.server.describe import schemas
from crewai_hitl_nb.server.describe.openapi import template
from crewai_hitl_nb.server.describe.operations import OPERATIONS
from crewai_hitl_nb.server.routes import ROUTES
from crewai_hitl_nb.server.streams import negotiated
from tests.jupyter_process import REPOSITORY
from tests.standalone.describe.conftest import Json

MAKE = """
import json, sys
from crewai_hitl_nb.server.describe import asyncapi, openapi
from crewai_hitl_nb.server.routes import ROUTES
made = openapi.document("/", ROUTES), asyncapi.document("localhost", "/", ROUTES, secure=False)
json.dump(made, sys.stdout)
"""


def operations(document: Json) -> set[tuple[str, str]]:
    return {(method, path) for path, item in document["paths"].items() for method in item}


def test_the_official_validator_accepts_it(openapi: Json) -> None:
    openapi_spec_validator.validate(openapi)


def test_every_route_and_method_is_in_it_and_nothing_else(openapi: Json) -> None:
    patterns = [pattern for pattern, _ in ROUTES] + [negotiated.PATH]
    assert {template(pattern) for pattern in patterns} == {path for _, path in OPERATIONS}
    handlers = [*ROUTES, *((negotiated.PATH, handler) for _, handler in negotiated.NEGOTIATED)]
    defined = set()
    for pattern, handler in handlers:
        for owner in handler.__mro__:
            if owner.__module__.startswith("crewai_hitl_nb."):
                methods = {"get", "post", "put", "patch", "delete"} & vars(owner).keys()
                defined |= {(method, template(pattern)) for method in methods}
    assert defined == set(OPERATIONS)
    said = {(method, re.sub(r"/{execution_id}", "", path)) for method, path in operations(openapi)}
    assert said == {(method, path.partition("[")[0]) for method, path in OPERATIONS}
    both = [path for path in openapi["paths"] if path.endswith("/{execution_id}")]
    assert len(both) == sum("[" in path for _, path in OPERATIONS)


def test_every_endpoint_of_the_protocol_is_in_it(openapi: Json) -> None:
    said = (REPOSITORY / "docs" / "protocol.md").read_text()
    for method, path in re.findall(r"`(GET|POST) ([a-z][^`?\s]*)", said):
        assert (method.lower(), "/" + path.replace("{id}", "{request_id}")) in operations(openapi)


def test_the_documents_are_the_same_in_every_process() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", MAKE],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_every_error_that_has_a_code_has_a_body() -> None:
    tree = errors.__doc__ or ""
    drawn = re.findall(r"(\w+) +(\d{3})  (\w+)", tree)
    said = [(error.__name__, str(error.status), error.code) for error in schemas.ERRORS]
    assert sorted(drawn) == sorted(said)


def test_operations_have_names_of_their_own(openapi: Json) -> None:
    names = [o["operationId"] for item in openapi["paths"].values() for o in item.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ["openapi.json", "asyncapi.json"])
def test_the_documents_need_the_right_to_read(http: httpx.Client, path: str) -> None:
    assert httpx.get(f"{http.base_url}{path}").status_code == 401


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no field that is not said."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(part) for key, part in schema.items()}
    properties = schema.get("properties")
    if isinstance(properties, dict) and schema.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def test_a_reply_has_no_field_that_the_document_keeps_quiet_about(
    openapi: Json, http: httpx.Client
) -> None:
    asked = [
        {"type": "human_input_required", "request_id": name, "crew_id": "c", "prompt": "Good?"}
        for name in ("to-answer", "to-cancel")
    ]
    components = {"schemas": closed(openapi["components"]["schemas"])}
    for method, path, template_, body in (
        ("post", "events", "/events", asked),
        ("post", "requests/to-answer/claim", "/requests/{request_id}/claim", {"via": "cli"}),
        ("post", "requests/to-answer/answer", "/requests/{request_id}/answer", {}),
        ("post", "requests/to-answer/answer", "/requests/{request_id}/answer", {}),
        ("post", "requests/to-cancel/cancel", "/requests/{request_id}/cancel", {}),
        ("post", "requests/to-cancel/claim", "/requests/{request_id}/claim", {}),
        ("post", "requests/unknown/claim", "/requests/{request_id}/claim", {}),
        ("post", "events", "/events", {"type": "human_input_required"}),
        ("get", "requests", "/requests", None),
        ("get", "requests/to-answer", "/requests/{request_id}", None),
        ("get", "poll/human-input?last_event_id=unknown", "/poll/human-input", None),
        (
            *("get", "v1/crews/c/human-input-stream?last_event_id=unknown"),
            *("/v1/crews/{crew_id}/human-input-stream", None),
        ),
        ("get", "health", "/health", None),
        ("get", "webhooks", "/webhooks", None),
        ("get", "audit", "/audit", None),
    ):
        reply = http.request(method, path, json=body)
        said = openapi["paths"][template_][method]["responses"][str(reply.status_code)]
        schema = {**said["content"]["application/json"]["schema"], "components": components}
        jsonschema.Draft202012Validator(schema).validate(reply.json())
