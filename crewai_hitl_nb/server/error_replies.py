"""Errors as replies: every one is ``{"error": code, "message": …}`` with its HTTP status.

Errors of the protocol carry both (``protocol/errors.py``); the host's are put in the same form, and
nothing of an unexpected one leaks out. Above are the handlers and the fast paths.
"""

import logging
from http.client import responses
from typing import Any, Final, cast

import msgspec
from tornado import web

from crewai_hitl_nb.protocol.errors import HitlError, Settled, TooMany, Unknown
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.server.services import SETTING, Services

_log = logger(__name__)

_CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "not_allowed",
}


class JsonErrorsMixin:
    """Sends every error of a handler as JSON, with its status."""

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Give an error of the protocol its own status."""
        error, handler = _raised(kwargs), cast("web.RequestHandler", self)
        if isinstance(error, HitlError):
            status_code = error.status
        elif status_code in (401, 403) and not handler.current_user:
            services = cast("Services", handler.settings[SETTING])
            status_code = services.unauthenticated_status
        super().send_error(status_code, **kwargs)  # type: ignore[misc]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the error's body."""
        handler = cast("web.RequestHandler", self)
        error = _raised(kwargs)
        if isinstance(error, TooMany):
            handler.set_header("Retry-After", str(error.details.get("retry_after", 1)))
        body = error.to_wire() if isinstance(error, HitlError) else _host_error(status_code, error)
        if status_code == 401:
            handler.set_header("WWW-Authenticate", "Bearer")
        handler.set_header("Content-Type", "application/json")
        handler.finish(msgspec.json.encode(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Write one line, without a traceback, for a mistake of the caller's."""
        if isinstance(value, HitlError):
            log_refusal(cast("web.RequestHandler", self), value)
            return
        super().log_exception(typ, value, tb)  # type: ignore[misc]


def log_refusal(handler: web.RequestHandler, error: HitlError) -> None:
    """Write the log line of a refused call, without its address, which may hold a token.

    A call about something that is unknown or has ended is nothing unusual, so its level is DEBUG.
    """
    level = logging.DEBUG if isinstance(error, Unknown | Settled | TooMany) else logging.INFO
    note(
        _log,
        level,
        "refused",
        error=error.code,
        status=error.status,
        method=handler.request.method,
        request_id=handler.path_kwargs.get("request_id"),
        execution_id=handler.path_kwargs.get("execution_id"),
    )


def _raised(kwargs: dict[str, Any]) -> BaseException | None:
    info = kwargs.get("exc_info")
    return info[1] if info else None


def _host_error(status: int, error: BaseException | None) -> dict[str, str]:
    """Return the body for an error of the host; one that is unexpected stays unnamed."""
    reason = error.log_message if isinstance(error, web.HTTPError) else None
    message = reason or responses.get(status, "unknown error")
    if status in (401, 403) and not reason:
        message = (
            "credentials are missing or wrong; send `Authorization: Bearer <token>`, or log in"
        )
    return {"error": _CODES.get(status, "server_error"), "message": message}
