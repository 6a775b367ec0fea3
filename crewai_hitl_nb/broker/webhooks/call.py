"""One signed call of a webhook: an event out, an :class:`Attempt` back, never an error.

Above: ``webhooks``. This module knows Standard Webhooks, names, addresses and HTTP; it
does not know the log, nor what happens after the attempt.

A name is resolved once for each call, its addresses are checked, and the connection goes to
the checked address itself, with the name kept for TLS and ``Host``: a name server that
changes its mind in between changes nothing. Redirects are not followed and proxies of the
environment are not used, for the same reason.

httpx, because cancelling a call closes its connection at once, and because the address and
the TLS name can be given apart.
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
"""For the whole call, the resolving of the name included (Standard Webhooks: 15 to 30 s)."""

USER_AGENT: Final = "crewai-hitl-nb"
"""Without a version: a receiver need not know which faults this server still has."""

MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried in one call."""

_MAX_ERROR_CHARS: Final = 200
_MAY_ASK_FOR_A_PAUSE: Final = (429, 503)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER_SAFE: Final = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Every visible ASCII character that ``quote`` would change, but for its own sign."""

T = TypeVar("T")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a host name and a port into addresses."""


class Post(Protocol):
    """Delivers an event once."""

    async def __call__(self, url: str, record: Record, at: datetime) -> Attempt:
        """Call the URL with the event; return what came of it."""

    async def close(self) -> None:
        """Let go of what it holds."""


class Refused(Exception):
    """The name leads to no address that may be called."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as the system finds them.

    Raises:
        OSError: The name is not known, or cannot be asked for now.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scoped IPv6 address (fe80::1%eth0) is judged without its scope.
    return [str(address[0]).partition("%")[0] for *_, address in found]


class SignedPost:
    """Calls webhooks as Standard Webhooks wants it."""

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
        # The bare transport: it follows nothing, remembers no cookies and logs no URL.
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
            # UnicodeError: a host name that no name server can be asked for.
            return attempt(error=f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS])
        return attempt(response.status_code, retry_after=_retry_after(response, at))

    async def close(self) -> None:
        """Let go of the transport."""
        await self._transport.aclose()

    async def _send(self, url: httpx.URL, record: Record, at: datetime) -> httpx.Response:
        """Try the addresses that may be called, one after the other."""
        host = url.raw_host.decode("ascii")
        port = url.port or _DEFAULT_PORTS[url.scheme]
        found = await self._resolve(host, port)
        addresses = callable_addresses(found, allow_private=self._allow_private)
        if not addresses:
            raise Refused("the host leads to no public address; private ones are not called")
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
        # The status is the answer; whatever body comes with it is not read.
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
    """Return what the work returns, unless it takes longer.

    Do not make it ``asyncio.wait_for``: before Python 3.12 that swallows a cancellation
    which comes in the moment when the work ends, and closing would wait for ever.

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
    """Return the event id as a header can carry it.

    It is the id itself, but for what is not visible ASCII and ``%``, which are
    percent-encoded: ids are any text, and no two of them may become one.
    """
    return quote(event_id, safe=_HEADER_SAFE)


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds that the receiver asks for (RFC 9110, 10.2.3)."""
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
