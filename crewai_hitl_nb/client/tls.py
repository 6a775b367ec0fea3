"""TLS for httpx and websockets: which certificates to trust, and what a failed handshake means.

Both use one context, so that a certificate that is trusted for a call is trusted for a WebSocket.
Above it are ``http.py`` and the transports. It makes no calls except a probe.
"""

import asyncio
import functools
import ssl
from typing import Final
from urllib.parse import urlsplit

import httpx

from crewai_hitl_nb.client.errors import WrongAddress

HANDSHAKE_SECONDS: Final = 3.0
"""The longest wait for a TLS handshake: a plain HTTP server sends no reply to one."""

_PROBE_SECONDS: Final = 3.0

_PLAIN: Final = "does not speak https; its URL begins with http://"


@functools.cache
def trust() -> ssl.SSLContext:
    """Return a context that trusts certifi's authorities, the system's, and ``SSL_CERT_FILE``."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def context_for(url: str) -> ssl.SSLContext | None:
    """Return the context for connections to this URL; None for plain HTTP."""
    return trust() if urlsplit(url).scheme == "https" else None


def wrong_address(url: str, error: BaseException) -> WrongAddress | None:
    """Return the error to raise for a TLS error that waiting cannot fix; None for any other."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return WrongAddress(
            f"{url} cannot be trusted: {cause.verify_message or cause}. Set SSL_CERT_FILE to a "
            "file with its certificate, and use a name that it contains"
        )
    if cause is not None and cause.reason in _NOT_TLS:
        return WrongAddress(f"{url} {_PLAIN}")
    return None


_NOT_TLS: Final = frozenset(
    ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
)
"""OpenSSL's names for a reply that is not TLS; they differ by version."""


async def check_scheme(url: str) -> None:
    """Find out whether the URL has the wrong scheme.

    Raises:
        WrongAddress: The URL says plain HTTP and the server speaks TLS, or the reverse.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    probe = _speaks_http if parts.scheme == "https" else _speaks_tls
    try:
        speaks = await asyncio.wait_for(probe(parts.hostname or "", port), _PROBE_SECONDS)
    except (OSError, asyncio.TimeoutError):
        return
    if speaks and parts.scheme == "https":
        raise WrongAddress(f"{url} {_PLAIN}")
    if speaks:
        raise WrongAddress(f"{url} speaks https; its URL begins with https://")


async def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent: it only shows whether TLS is spoken
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.close()
    return True


async def _speaks_http(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
    line = await reader.readline()
    writer.close()
    return line.startswith(b"HTTP/1") and b" 400" not in line  # TLS servers say 400
