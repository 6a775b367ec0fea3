"""Makes ``openapi.json``: the HTTP API in OpenAPI 3.1.

The paths come from the table of routes, their descriptions from ``operations``, the
bodies from ``schemas``. ``asyncapi`` describes the streams.
"""

import re
from collections.abc import Iterator, Mapping
from http.client import responses
from typing import Final

from tornado import web

from crewai_hitl_nb import __version__
from crewai_hitl_nb.protocol import errors
from crewai_hitl_nb.protocol.files import ANY_BYTES
from crewai_hitl_nb.server.describe import schemas
from crewai_hitl_nb.server.describe.operations import EVERYWHERE, IN_PATH, OPERATIONS, Operation
from crewai_hitl_nb.server.describe.schemas import Schema
from crewai_hitl_nb.server.services import Routes
from crewai_hitl_nb.server.streams import negotiated

ABOUT: Final = (
    "Human input of crewAI as a durable event stream. A stream is an append-only log; a "
    "question and its answer are both events in it. `docs/protocol.md` describes the protocol."
)
METHODS: Final = ("get", "post", "put", "patch", "delete")
"""HEAD and OPTIONS are the host's own."""

SECURITY: Final[Mapping[str, Schema]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or the token of the Jupyter server. A browser that is "
        "logged in there needs an `X-XSRFToken` header instead.",
    },
    "token": {
        "type": "apiKey",
        "name": "token",
        "in": "query",
        "description": "The same, for calls that cannot set a header: a browser's WebSocket.",
    },
}


def document(prefix: str, routes: Routes) -> Schema:
    """Return the document of a server whose endpoints are below a prefix."""
    paths = _paths(routes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "crewai-hitl", "version": __version__, "description": ABOUT},
        "servers": [{"url": prefix.rstrip("/") or "/"}],
        "security": [{name: []} for name in SECURITY],
        "paths": paths,
        "components": {"schemas": schemas.reachable(paths), "securitySchemes": SECURITY},
    }


def served(routes: Routes) -> Iterator[tuple[str, str]]:
    """Yield each method and path of the table of routes, the path as a template."""
    for pattern, handler in (*routes, *((negotiated.PATH, h) for _, h in negotiated.NEGOTIATED)):
        for method in METHODS:
            if getattr(handler, method) is not getattr(web.RequestHandler, method):
                yield method, template(pattern)


def template(pattern: str) -> str:
    """Return a route's pattern as a path with names in braces and an optional part in brackets."""
    optional = re.sub(r"\(\?:(/.*?)\)\?$", r"[\1]", pattern)
    return "/" + re.sub(r"\(\?P<(\w+)>\[\^/\]\+\)", r"{\1}", optional).replace("\\.", ".")


def spelled_out(path: str) -> tuple[str, ...]:
    """Return a template's paths: without the optional part, and with it."""
    shorter, _, part = path.rstrip("]").partition("[")
    return (shorter, shorter + part) if part else (shorter,)


def names_in(path: str) -> list[str]:
    """Return the names in braces."""
    return re.findall(r"{(\w+)}", path)


def _paths(routes: Routes) -> Schema:
    paths: Schema = {}
    for method, path in dict.fromkeys(served(routes)):
        operation = OPERATIONS[method, path]
        for suffix, spelled in zip(("", "Execution"), spelled_out(path), strict=False):
            paths.setdefault(spelled, {})[method] = _operation(operation, spelled, suffix)
    return paths


def _operation(operation: Operation, path: str, suffix: str) -> Schema:
    names = names_in(path)
    parameters = (*(IN_PATH[name] for name in names), *operation.parameters)
    said: Schema = {
        "operationId": operation.id + suffix,
        "summary": operation.summary,
        "parameters": [parameter.object() for parameter in parameters],
        "responses": _responses(operation),
    }
    if operation.right is None:
        said["security"] = [{}, *({name: []} for name in SECURITY)]
    else:
        said["description"] = f"Needs permission to {operation.right}."
    if operation.body is not None:
        content: Schema = {ANY_BYTES: {"schema": operation.body}}
        if isinstance(operation.body, str):
            content = {"application/json": {"schema": schemas.ref(operation.body)}}
        said["requestBody"] = {"content": content, "required": operation.body_needed}
    return said


def _responses(operation: Operation) -> Schema:
    said: Schema = {}
    if operation.upgrades:
        said["101"] = {"description": "The connection is a WebSocket from here on."}
    if operation.reply:
        content = {media: {"schema": schema} for media, schema in operation.reply.items()}
        said[str(operation.status)] = {"description": "Done.", "content": content}
    if operation.right is None:  # health: the same body, whether well or not
        unwell = {**said["200"], "description": operation.unwell}
        return {**said, "503": unwell} if operation.unwell else said
    if "text/html" in operation.reply:
        page = said["200"]["content"]
        return said | {
            "302": {"description": "To the login page, on a host that has one."},
            **{str(s): {"description": f"{responses[s]}.", "content": page} for s in (401, 403)},
        }
    by_status: dict[int, list[str]] = {401: ["UnauthorizedError"]}
    for error in (*EVERYWHERE, *operation.errors):
        by_status.setdefault(error.status, []).append(schemas.error_name(error))
    return said | {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _refusal(status: int, names: list[str]) -> Schema:
    said: Schema = {
        "description": f"{responses[status]}.",
        "content": {"application/json": {"schema": schemas.any_of(names)}},
    }
    if status == errors.TooMany.status:
        seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        said["headers"] = {"Retry-After": seconds}
    return said
