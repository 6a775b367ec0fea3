"""Server-side request forgery: a webhook is made to call an address of the server's own network.

By what the operator pasted, by a name that leads there, and by a redirect. The rules themselves
are tried address by address in ``tests/webhooks``.
"""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.webhooks import config
from crewai_hitl_nb.broker.webhooks.config import BadWebhook, WebhookSettings
from tests.attacks.bare import EITHER, without
from tests.broker.webhooks.receiver import Receiver
from tests.broker.webhooks.test_addresses import names, post_once

pytestmark = pytest.mark.asyncio

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:0:0:0:0:80ff:fffe",
    "2001:db8::1",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "fec0::1",
    "5f00::1",
    "100::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2002:808:808::1",
    "3ffe::1",
    "3fff::1",
    "4000::1",
    "fe80::1%1",
]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """What stands inside, on this machine."""
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


def lay_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, config, "is_public", lambda address: True)


@EITHER
@pytest.mark.parametrize("address", INSIDE)
async def test_no_address_of_an_inner_network_is_configured_or_called(
    address: str, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:
        lay_bare(monkeypatch)
    url = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    try:
        taken = bool(WebhookSettings(urls=(url,)).endpoints())
    except BadWebhook:
        taken = False
    called = config.callable_addresses([address], allow_private=False)
    assert (taken, bool(called)) == (bare, bare)


@EITHER
@pytest.mark.parametrize("found", [["127.0.0.1"], ["::ffff:127.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
async def test_a_name_that_leads_inside_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, found: Sequence[str], bare: bool
) -> None:
    if bare:
        lay_bare(monkeypatch)
        found = [address for address in found if not address.startswith("10.")]  # leads nowhere
    url = receiver.url(host="hooks.example")
    attempt = await post_once(url, allow_private=False, resolve=names(*found))
    assert (attempt.status == 204) is bare
    assert bool(receiver.calls) is bare


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(receiver: Receiver, status: int) -> None:
    inside = Receiver()
    await inside.start()
    receiver.answer(status, Location=inside.url())
    attempt = await post_once(receiver.url(), allow_private=True)
    await inside.stop()
    assert (attempt.status, inside.calls) == (status, [])
