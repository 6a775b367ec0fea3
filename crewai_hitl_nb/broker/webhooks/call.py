"""Makes one signed call of a webhook and returns an :class:`Attempt`; it never raises.

Above: ``worker``. This module knows Standard Webhooks, host names, addresses and HTTP; it
knows neither the log nor what happens after the attempt.

A host name is resolved once for each call, its addresses are checked, and the connection goes to
the checked address itself, with the name kept for TLS and ``Host``: so a name server that
replies differently a moment later changes nothing. Redirects are not followed and proxies of the
environment are not used, for the same reason.

It uses httpx, because cancelling a call closes its connection at once, and because the address
and the TLS name can be given separately.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import httpx
from standardwebhooks.webhooks import Webhook

from crewai_hitl_nb.broker.webhooks.config import callable_addresses
from crewai_hitl_nb.broker.webhooks.retries import Attempt
from crewai_hitl_nb.store.base import Record

TIMEOUT_SECONDS: Final = 15.0
"""For the complete call, including resolving the name (Standard Webhooks: 15 to 30 s)."""

USER_AGENT: Final = "crewai-hitl-nb"
"""Without a version, which would tell a receiver what faults this server still has."""

MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried in one call."""

_MAX_ERROR_CHARS: Final = 200
_MAY_ASK_FOR_A_PAUSE: Final = (429, 503)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER_SAFE: Final = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Every visible ASCII character that ``quote`` would change, except ``%`` itself."""

T = TypeVar("T")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and a port into addresses."""


class Post(Protocol):
    """Delivers an event once."""

    async def __call__(self, url: str, record: Record, at: datetime) -> Attempt:
        """Call the URL with the event; return the result."""

    async def close(self) -> None:
        """Release its connections."""


class Refused(Exception):
    """The name resolves to no address that may be called."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name from the system's resolver.

    Raises:
        OSError: The name is unknown, or cannot be resolved now.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scoped IPv6 address (fe80::1%eth0) is checked without its scope.
    return [str(address[0]).partition("%")[0] for *_, address in found]


class SignedPost:
    """Calls webhooks as Standard Webhooks specifies."""

    def __init__(
        self,
        signers: Sequence[Webhook],
        *,
        allow_private: bool,
        timeout: float = TIMEOUT_SECONDS,
        resolve: Resolve = resolve,
    ) -> None:
        """Take the signers, newest first, and whether private addresses may be called."""
        self._signers = signers
        self._allow_private = allow_private
        self._timeout = timeout
        self._resolve = resolve
        # The bare transport: it follows no redirect, stores no cookies and logs no URL.
        self._transport = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            # A kept connection would outlive the check of its address.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def __call__(self, url: str, record: Record, at: datetime) -> Attempt:
        """Call the URL with the event, signed at this time."""
        began = time.monotonic()

        def attempt(
            status: int | None = None, error: str = "", retry_after: float | None = None
        ) -> Attempt:
            took = round((time.monotonic() - began) * 1000)
            return Attempt(
                at=at, status=status, milliseconds=took, error=error, retry_after=retry_after
            )

        try:
            response = await within(self._timeout, self._send(httpx.URL(url), record, at))
        except asyncio.TimeoutError:
            return attempt(error=f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, OSError, UnicodeError, Refused) as error:
            # UnicodeError: a host name that cannot be encoded for a name server.
            return attempt(error=f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS])
        return attempt(response.status_code, retry_after=_retry_after(response, at))

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _send(self, url: httpx.URL, record: Record, at: datetime) -> httpx.Response:
        """Try the addresses that may be called, one after the other."""
        host = url.raw_host.decode("ascii")
        port = url.port or _DEFAULT_PORTS[url.scheme]
        found = await self._resolve(host, port)
        addresses = callable_addresses(found, allow_private=self._allow_private)
        if not addresses:
            raise Refused("the host has no public address, and private ones are not called")
        headers = self._headers(url, record, at)
        *others, last = addresses[:MAX_ADDRESSES]
        for address in others:
            with contextlib.suppress(httpx.ConnectError):
                return await self._call(url, host, address, record.body, headers)
        return await self._call(url, host, last, record.body, headers)

    async def _call(
        self, url: httpx.URL, host: str, address: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers=headers,
            extensions={"sni_hostname": host},
        )
        response = await self._transport.handle_async_request(request)
        # Only the status counts; the body is not read.
        await response.aclose()
        return response

    def _headers(self, url: httpx.URL, record: Record, at: datetime) -> dict[str, str]:
        message_id = webhook_id(record.event_id)
        text = record.body.decode()
        signatures = (signer.sign(message_id, at, text) for signer in self._signers)
        return {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of the work, unless it takes longer than these seconds.

    Do not replace it by ``asyncio.wait_for``: before Python 3.12 that swallows a cancellation
    that arrives just when the work ends, and closing would wait for ever.

    Raises:
        TimeoutError: It took longer, and was cancelled.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def webhook_id(event_id: str) -> str:
    """Return the event id in a form that a header can carry.

    It is the id itself, with ``%`` and everything but visible ASCII percent-encoded: an id may
    be any text, and two different ids must stay different.
    """
    return quote(event_id, safe=_HEADER_SAFE)


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds to wait that the receiver asks for (RFC 9110, 10.2.3)."""
    said = response.headers.get("Retry-After", "").strip()
    if response.status_code not in _MAY_ASK_FOR_A_PAUSE or not said:
        return None
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - now).total_seconds())
