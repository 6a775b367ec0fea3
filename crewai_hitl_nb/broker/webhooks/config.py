"""Checks the URLs, secrets and addresses of webhooks.

Above: ``worker`` and ``call``. Everything here is pure: it takes the operator's settings, or the
addresses of a name, and decides whether they may be used. It resolves nothing itself.

A webhook makes the server call an address that somebody typed or that a name server
returned. Unless the operator allows private addresses, only public ones are called, over
https (server-side request forgery; Standard Webhooks, "Server side request forgery").
"""

import base64
import binascii
import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Final, TypeAlias

import httpx
import msgspec
from standardwebhooks.webhooks import Webhook

from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired

DOCUMENT_TYPES: Final = (
    str(HumanInputRequired.__struct_config__.tag),
    str(HumanInputCompleted.__struct_config__.tag),
)
"""The two types of the event-streaming guide, which a webhook gets by default."""

MAX_ENDPOINTS: Final = 20
"""Bounds the tasks and the open calls: each endpoint has one task and at most one call."""

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the word before a secret
_SECRET_BYTES: Final = range(24, 65)
"""Standard Webhooks, "Signature scheme": between 24 and 64 random bytes."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in the last 32 bits; the name servers of a network that has only IPv6
return these for hosts that have only IPv4."""

_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""All that IANA has allocated of IPv6 ("Internet Protocol Version 6 Address Space"). Every other
range (compatible, mapped and translated IPv4, NAT64, site-local, SRv6, later ones) leads into this
server's own network, depends on another machine's translation, or leads nowhere."""

_SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.175.48.0/24",  # AS112
            "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID, …
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address behind a relay
            "2620:4f:8000::/48",  # AS112
            "3ffe::/16",  # the former 6bone, returned
            "3fff::/20",  # documentation
        ),
    )
)
"""Public ranges with a special purpose (IANA's two registries); Python versions differ on them."""

_HIGHEST_PORT: Final = 65_535

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadWebhook(ValueError):
    """The configuration is not valid; one line says which value and why, never the secret."""

    for_operator: Final = True


class Endpoint(msgspec.Struct, frozen=True):
    """One receiver.

    Attributes:
        url: The address as the operator wrote it.
        id: Identifies it in metadata and listings.
        shown: The address without its query, which may hold a secret.
    """

    url: str
    id: str
    shown: str


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings.

    Attributes:
        urls: The receivers.
        secrets: ``whsec_…``, newest first; every call is signed with each.
        allow_private: Whether plain http and private addresses are called, too.
        types: The event types to send; empty means the two of the event-streaming guide.
    """

    urls: tuple[str, ...] = ()
    secrets: tuple[str, ...] = msgspec.field(default=())
    allow_private: bool = False
    types: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"WebhookSettings({len(self.urls)} urls, {len(self.secrets)} secrets)"

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the receivers.

        Raises:
            BadWebhook: A URL is not valid; the message names it.
        """
        if len(self.urls) > MAX_ENDPOINTS:
            raise BadWebhook(f"{len(self.urls)} webhook URLs; at most {MAX_ENDPOINTS} are served")
        return tuple(
            _endpoint(number, url, allow_private=self.allow_private)
            for number, url in enumerate(dict.fromkeys(self.urls), 1)
        )

    def signers(self) -> tuple[Webhook, ...]:
        """Return one signer for each secret, newest first.

        Raises:
            BadWebhook: A secret is not valid; the message has its number.
        """
        if not self.secrets:
            raise BadWebhook(
                "webhook URLs without a secret; every call is signed, so add a secret: "
                "`whsec_` and the base64 of 24 to 64 random bytes"
            )
        return tuple(_signer(number, secret) for number, secret in enumerate(self.secrets, 1))


def _endpoint(number: int, url: str, *, allow_private: bool) -> Endpoint:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadWebhook(f"webhook URL {number} is not a URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadWebhook(f"webhook URL {number} is not an http or https address with a host")
    if parsed.userinfo:
        raise BadWebhook(f"webhook URL {number} has a user; leave it out, every call is signed")
    shown = str(parsed.copy_with(query=None, fragment=None))
    if not 0 < (parsed.port or 1) <= _HIGHEST_PORT:
        raise BadWebhook(f"the webhook URL {shown!r} has a port that does not exist")
    if not allow_private:
        _check_public(parsed, shown)
    return Endpoint(url, hashlib.sha256(url.encode()).hexdigest()[:12], shown)


def _check_public(parsed: httpx.URL, shown: str) -> None:
    if parsed.scheme != "https":
        raise BadWebhook(
            f"the webhook URL {shown!r} is not https; use https, or allow private webhooks"
        )
    try:
        address = ipaddress.ip_address(parsed.host)
    except ValueError:
        return  # A name: its addresses are checked at each call.
    if not is_public(address):
        raise BadWebhook(
            f"the webhook URL {shown!r} is not a public address; allow private webhooks to use it"
        )


def _signer(number: int, secret: str) -> Webhook:
    wrong = f"webhook secret {number} is wrong: it must be `{_SECRET_PREFIX}` and then the base64"
    encoded = secret.removeprefix(_SECRET_PREFIX)
    if encoded == secret:
        raise BadWebhook(f"{wrong} of random bytes")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        # ValueError: characters beyond ASCII.
        raise BadWebhook(f"{wrong} of random bytes; this is not base64") from None
    if len(key) not in _SECRET_BYTES:
        raise BadWebhook(f"{wrong} of 24 to 64 bytes; this one has {len(key)}")
    return Webhook(key)


def callable_addresses(found: Sequence[str], *, allow_private: bool) -> list[str]:
    """Return those of a name's addresses that may be called."""
    addresses = (ipaddress.ip_address(text) for text in dict.fromkeys(found))
    return [str(address) for address in addresses if allow_private or is_public(address)]


def is_public(address: Address) -> bool:
    """Return whether an address is on the public internet.

    Only addresses known to be public are: global unicast without the special purposes, and a public
    IPv4 address in one of the two IPv6 forms that the system and name servers use for it. False for
    loopback, link-local (the clouds' metadata services), private, shared, reserved and multicast
    addresses, and for every other way to write an IPv4 address as IPv6.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if (inner := _inside(address)) is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    special = address.is_multicast or any(
        address.version == network.version and address in network for network in _SPECIAL
    )
    return address.is_global and not special


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
