"""Where webhooks may go: the rules for URLs, secrets and addresses.

Above: ``webhooks`` and ``posting``. Everything here is pure: it takes what the operator
wrote, or what a name resolved to, and says whether it will do. It resolves nothing itself.

A webhook makes the server call an address that somebody typed or that a name server
named. Unless the operator allows private addresses, only public ones are called, over
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
"""The two types of the event-streaming guide: what a webhook gets unless told otherwise."""

MAX_ENDPOINTS: Final = 20
"""Each is one task and at most one open call: a bound on both."""

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the word before a secret
_SECRET_BYTES: Final = range(24, 65)
"""Standard Webhooks, "Signature scheme": between 24 and 64 random bytes."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in the last 32 bits; where a network has IPv6 alone, its name servers
give these out for hosts that have IPv4 alone."""

_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""All that IANA has given out of IPv6 ("Internet Protocol Version 6 Address Space"). Whatever else
there is (compatible, mapped and translated IPv4, NAT64, site-local, SRv6, what comes next) leads to
this network, to another machine's idea of it, or nowhere."""

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
            "3ffe::/16",  # the 6bone's, given back
            "3fff::/20",  # documentation
        ),
    )
)
"""The special purposes among public addresses (IANA's two registries), which Pythons differ in."""

_HIGHEST_PORT: Final = 65_535

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadWebhook(ValueError):
    """The configuration will not do; one line says which value and why, never the secret."""

    for_operator: Final = True


class Endpoint(msgspec.Struct, frozen=True):
    """One receiver.

    Attributes:
        url: The address as the operator wrote it.
        id: Names it in notes and listings.
        shown: The address without its query, which may hold a secret.
    """

    url: str
    id: str
    shown: str


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator configured.

    Attributes:
        urls: Who is told.
        secrets: ``whsec_…``, newest first; each of them signs.
        allow_private: Whether plain http and private addresses are called, too.
        types: Which events are sent; none means the two of the event-streaming guide.
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
            BadWebhook: With the URL that will not do.
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
            BadWebhook: With the number of the secret that will not do.
        """
        if not self.secrets:
            raise BadWebhook(
                "webhook URLs without a secret; every call is signed: add one, "
                "`whsec_` and the base64 of 24 to 64 random bytes"
            )
        return tuple(_signer(number, secret) for number, secret in enumerate(self.secrets, 1))


def _endpoint(number: int, url: str, *, allow_private: bool) -> Endpoint:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadWebhook(f"webhook URL {number} is not a URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadWebhook(f"webhook URL {number} is no http or https address with a host")
    if parsed.userinfo:
        raise BadWebhook(f"webhook URL {number} holds a user; leave it out, every call is signed")
    shown = str(parsed.copy_with(query=None, fragment=None))
    if not 0 < (parsed.port or 1) <= _HIGHEST_PORT:
        raise BadWebhook(f"the webhook URL {shown!r} names a port that there is not")
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
        return  # A name: what it resolves to is checked at each call.
    if not is_public(address):
        raise BadWebhook(
            f"the webhook URL {shown!r} is no public address; allow private webhooks to use it"
        )


def _signer(number: int, secret: str) -> Webhook:
    wrong = f"webhook secret {number} is wrong: it must be `{_SECRET_PREFIX}` and then the base64"
    encoded = secret.removeprefix(_SECRET_PREFIX)
    if encoded == secret:
        raise BadWebhook(f"{wrong} of random bytes")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        # ValueError stands for characters beyond ASCII.
        raise BadWebhook(f"{wrong} of random bytes; this is no base64") from None
    if len(key) not in _SECRET_BYTES:
        raise BadWebhook(f"{wrong} of 24 to 64 bytes; this one has {len(key)}")
    return Webhook(key)


def callable_addresses(found: Sequence[str], *, allow_private: bool) -> list[str]:
    """Return, of the addresses that a name resolved to, those that may be called."""
    addresses = (ipaddress.ip_address(text) for text in dict.fromkeys(found))
    return [str(address) for address in addresses if allow_private or is_public(address)]


def is_public(address: Address) -> bool:
    """Say whether an address is on the public internet.

    Only what is known to be public is: global unicast without the special purposes, and an IPv4
    address in one of the two disguises that the system and name servers put it in. False for
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
    """Return the IPv4 address that is called in an IPv6 one's place."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
