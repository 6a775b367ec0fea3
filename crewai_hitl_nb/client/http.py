"""Makes one HTTP call to the server and raises its refusals as the protocol's errors.

Above it are the clients and the SSE and poll transports; below is httpx. It does not retry, and
does not know what a call is for.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.errors import ServerAway, TransportUnusable, describe
from crewai_hitl_nb.client.hub import STOPPED, says_stopped
from crewai_hitl_nb.client.resume import OVER, Transport, ending_of_status
from crewai_hitl_nb.client.tls import check_scheme, context_for, wrong_address
from crewai_hitl_nb.protocol.errors import (
    BadJson,
    BadRequest,
    Forbidden,
    HitlError,
    error_from_wire,
)
from crewai_hitl_nb.protocol.frames import decode_json

_MUTE: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectTimeout)
"""Errors that a wrong scheme causes: one side speaks TLS and the other plain HTTP."""

_LOGIN_HINT: Final = (
    "the server refused the token, or the call had none; "
    "pass the right one (CREWAI_HITL_TOKEN or token=)"
)
_HINTS: Final[Mapping[int, str]] = {
    401: _LOGIN_HINT,
    403: _LOGIN_HINT,
    404: "there is no crewai-hitl server at this URL; check it (…/crewai-hitl/), and that "
    "`jupyter server extension list` shows crewai_hitl_nb as enabled",
}


def segment(id_: str) -> str:
    """Return an id as one segment of a URL's path.

    A slash is encoded, and so are the dots of ``.`` and ``..``, which would name another path. Such
    ids exist only in old logs; they are refused today.
    """
    return id_.replace(".", "%2E") if id_ in (".", "..") else quote(id_, safe="")


def open_http(endpoint: Endpoint, *, seconds: float) -> httpx.AsyncClient:
    """Return an HTTP client bound to the endpoint; the caller closes it.

    Args:
        endpoint: Where, and with which token.
        seconds: The longest wait for a connection, and for a reply.
    """
    headers = {"Accept": "application/json"}
    if endpoint.token:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    return httpx.AsyncClient(
        base_url=endpoint.url,
        headers=headers,
        timeout=seconds,
        verify=context_for(endpoint.url) or True,
        # The environment's proxy must not be used for a server on this machine.
        trust_env=not endpoint.is_loopback,
    )


def encoded(body: Any) -> bytes:
    """Return a call's body as JSON.

    Raises:
        BadRequest: JSON cannot represent it. A person's words are never changed.
    """
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        half = f"U+{ord(error.object[error.start]):04X}"
        raise BadRequest(
            f"the text contains half a character (the lone surrogate {half}); remove it and send "
            "the text again"
        ) from None
    except TypeError as error:
        raise BadRequest(f"JSON cannot represent a value of this call: {error}") from None


async def call(http: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """Make one call as :func:`exchange` does, and return the reply's JSON value."""
    reply = await exchange(http, method, path, **options)
    try:
        return reply.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise BadRequest(
            f"{http.base_url} does not reply as a crewai-hitl server does; check the URL"
        ) from None


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> httpx.Response:
    """Make one call and return the reply, with its body; a body is sent as JSON by default.

    Raises:
        ServerAway: The server cannot be reached, or the connection broke.
        WrongAddress: The URL is not that of a server, so waiting does not help.
        HitlError: The server's refusal.
    """
    sent = {"Content-Type": "application/json", **(headers or {})} if body else headers
    timeout = httpx.USE_CLIENT_DEFAULT if seconds is None else httpx.Timeout(seconds)
    try:
        reply = await http.request(
            method, path, params=params, content=body, headers=sent, timeout=timeout
        )
    except httpx.TransportError as error:
        if (wrong := wrong_address(str(http.base_url), error)) is not None:
            raise wrong from error
        if isinstance(error, _MUTE):
            await check_scheme(str(http.base_url))
        raise ServerAway(f"{http.base_url} cannot be reached: {describe(error)}") from error
    raise_for_refusal(reply)
    return reply


def raise_for_refusal(reply: httpx.Response) -> None:
    """Raise the error that a reply describes; its body must have been read.

    Raises:
        ServerAway: A JupyterHub answers for a server that it has stopped.
        HitlError: The server's refusal.
    """
    if reply.is_success:
        return
    if says_stopped(reply):
        raise ServerAway(STOPPED)
    if reply.is_redirect:
        raise Forbidden("the server asks to log in; pass its token (CREWAI_HITL_TOKEN or token=)")
    refusal = refusal_of(reply.status_code, reply.content)
    asked = reply.headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():  # proxies have no JSON; a date is rare
        refusal.details.setdefault("retry_after", int(asked))
    raise refusal


def stream_error(
    refusal: HitlError, status: int, content: bytes, transport: Transport
) -> HitlError:
    """Return the error to raise when a stream is refused.

    Args:
        refusal: The error that the reply describes.
        status: The status of the reply.
        content: The body of the reply.
        transport: The transport that was tried.

    Returns:
        The refusal if it concerns every transport, else a :class:`TransportUnusable`.
    """
    is_own = _own_body(content) is not None
    if ending_of_status(status, transport=transport, is_own=is_own) != "unusable":
        return refusal
    at_last = ending_of_status(status, transport=transport, is_own=is_own, is_last=True)
    return TransportUnusable(
        f"the server answered {status} to the stream by {transport}",
        refusal if at_last in OVER else None,
    )


def refusal_of(status: int, content: bytes) -> HitlError:
    """Return the error for a reply's status and body, from our server or from a proxy."""
    body = _own_body(content)
    if body is not None:
        return error_from_wire(body, status)
    return error_from_wire({"message": _HINTS.get(status, f"the server answered {status}")}, status)


def _own_body(content: bytes) -> dict[str, Any] | None:
    try:
        body = decode_json(content)
    except BadJson:
        return None
    return body if isinstance(body, dict) and "error" in body else None
