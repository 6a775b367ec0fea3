"""One HTTP call to the server: errors in, errors out as the drawn tree.

Above it stand the clients and the SSE and poll transports; below is httpx. It neither
retries nor knows what is asked.
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
"""What TLS and plain HTTP make of each other."""

_LOGIN_HINT: Final = (
    "the server refused the token, or there was none; "
    "pass the right one (CREWAI_HITL_TOKEN or token=)"
)
_HINTS: Final[Mapping[int, str]] = {
    401: _LOGIN_HINT,
    403: _LOGIN_HINT,
    404: "nothing of crewai-hitl is at this URL; check it (…/crewai-hitl/), and that "
    "`jupyter server extension list` shows crewai_hitl_nb as enabled",
}


def segment(id_: str) -> str:
    """Return an id as one part of an address.

    The points are encoded where they would mean another place; an id from before the rule that
    refuses such ids is found by it. A slash is never one.
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
        # A proxy from the environment must not stand before a server on this machine.
        trust_env=not endpoint.is_loopback,
    )


def encoded(body: Any) -> bytes:
    """Return what a person said as JSON.

    Raises:
        BadRequest: JSON cannot carry it. Nobody's words are changed on the way.
    """
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        half = f"U+{ord(error.object[error.start]):04X}"
        raise BadRequest(
            f"the text holds half a character (the lone surrogate {half}); take it out and send "
            "the rest again"
        ) from None
    except TypeError as error:
        raise BadRequest(f"JSON cannot carry a value of this call: {error}") from None


async def call(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Any:
    """Make one call and return the reply's JSON value.

    Raises:
        ServerAway: When the server cannot be reached, or breaks off.
        WrongAddress: When waiting would not help.
        HitlError: What the server refused with.
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
    try:
        return reply.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise BadRequest(
            f"{http.base_url} does not answer as a crewai-hitl server; check the URL"
        ) from None


def raise_for_refusal(reply: httpx.Response) -> None:
    """Raise the error that the reply speaks of, if it is one (its body must be read).

    Raises:
        ServerAway: When a JupyterHub answers for a server that it has stopped.
        HitlError: What the server refused with.
    """
    if reply.is_success:
        return
    if says_stopped(reply):
        raise ServerAway(STOPPED)
    if reply.is_redirect:
        raise Forbidden("the server asks to log in; pass its token (CREWAI_HITL_TOKEN or token=)")
    refusal = refusal_of(reply.status_code, reply.content)
    asked = reply.headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():  # a proxy says it here only; as a date it is rare
        refusal.details.setdefault("retry_after", int(asked))
    raise refusal


def stream_error(
    refusal: HitlError, status: int, content: bytes, transport: Transport
) -> HitlError:
    """Return what the refusal of a stream means for it.

    Args:
        refusal: The error that the reply speaks of.
        status: Of the reply.
        content: Its body.
        transport: What was tried.

    Returns:
        The refusal where it is about every transport, else a :class:`TransportUnusable`.
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
    """Return the error for a reply's status and body, ours or a host's or proxy's."""
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
