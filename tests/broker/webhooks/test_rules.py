"""The pure rules: which address, which configuration, when again."""

import ipaddress
from datetime import datetime, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.broker.webhooks import retries
from crewai_hitl_nb.broker.webhooks.call import webhook_id
from crewai_hitl_nb.broker.webhooks.config import (
    MAX_ENDPOINTS,
    BadWebhook,
    WebhookSettings,
    callable_addresses,
    is_public,
)
from crewai_hitl_nb.broker.webhooks.retries import JITTER, RETRY_SECONDS, Attempt, Progress, Retries
from crewai_hitl_nb.store.base import Record
from tests.broker.webhooks.receiver import SECRET

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "203.0.113.9"),
        *("224.0.0.1", "233.252.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("64:ff9b:1::808:808", "3fff::1"),
        *("2002:7f00:1::", "2002:c0a8:101::1", "2001:0:53aa:64c:0:0:80ff:fffe"),
    ],
)
def test_addresses_of_this_machine_or_network_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert callable_addresses([address], allow_private=False) == []
    assert len(callable_addresses([address], allow_private=True)) == 1


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_of_a_name_with_both_only_the_public_addresses_are_called() -> None:
    found = ["127.0.0.1", "8.8.8.8", "::1", "8.8.8.8"]
    assert callable_addresses(found, allow_private=False) == ["8.8.8.8"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/", "not https"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::1]:8443/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("ftp://hooks.example/", "not an http or https"),
        ("hooks.example", "not an http or https"),
        ("https:///path", "not an http or https"),
        ("", "not an http or https"),
        ("https://hooks.example:99999/", "port"),
        ("https://ada:secret@hooks.example/", "has a user"),
        ("https://hooks.example\n/", "not a URL"),
    ],
)
def test_a_wrong_address_is_one_line_that_says_why(url: str, why: str) -> None:
    with pytest.raises(BadWebhook, match=why) as caught:
        WebhookSettings(urls=(url,)).endpoints()
    assert "\n" not in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_private_and_plain_addresses_are_taken_when_they_are_allowed() -> None:
    urls = ("http://127.0.0.1:9/", "http://hooks.internal/", "https://[::1]/")
    found = WebhookSettings(urls=urls, allow_private=True).endpoints()
    assert [endpoint.url for endpoint in found] == list(urls)


def test_there_may_be_so_many_endpoints_and_no_more() -> None:
    urls = tuple(f"https://hooks.example/{number}" for number in range(MAX_ENDPOINTS + 1))
    assert len(WebhookSettings(urls=urls[1:]).endpoints()) == MAX_ENDPOINTS
    with pytest.raises(BadWebhook, match=f"at most {MAX_ENDPOINTS}"):
        WebhookSettings(urls=urls).endpoints()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "secret 2 is wrong"),
        ("whsec_not base64!", "not base64"),
        ("whsec_grün", "not base64"),
        ("whsec_c2hvcnQ=", "this one has 5"),
        ("whsec_", "this one has 0"),
        ("", "secret 2 is wrong"),
    ],
)
def test_a_wrong_secret_is_named_by_its_number_and_never_shown(wrong: str, why: str) -> None:
    with pytest.raises(BadWebhook, match=why) as caught:
        WebhookSettings(secrets=(SECRET, wrong)).signers()
    encoded = wrong.removeprefix("whsec_")
    assert not encoded or encoded not in str(caught.value)


def test_addresses_without_a_secret_are_refused() -> None:
    with pytest.raises(BadWebhook, match="without a secret"):
        WebhookSettings(urls=("https://hooks.example/",)).signers()


def test_settings_show_no_secret() -> None:
    settings = WebhookSettings(urls=("https://hooks.example/?token=t",), secrets=(SECRET,))
    assert SECRET not in repr(settings)
    assert "token" not in repr(settings)


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_pauses_grow_with_jitter_and_end(drawn: float) -> None:
    retries = Retries(draw=lambda: drawn)
    failed = Attempt(at=NOON, status=500)
    for number, seconds in enumerate(RETRY_SECONDS, 1):
        pause = retries.pause((failed,) * number)
        assert pause is not None
        assert seconds <= pause <= seconds * (1 + JITTER)
    assert retries.pause((failed,) * (len(RETRY_SECONDS) + 1)) is None


def test_one_event_holds_up_the_line_for_less_than_a_day() -> None:
    calls = len(RETRY_SECONDS) + 1
    assert sum(RETRY_SECONDS) * (1 + JITTER) + calls * 15 < 86_400


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_no_two_events_share_a_webhook_id(one: str, other: str) -> None:
    named = webhook_id(one.encode("utf-8", "replace").decode())
    assert named.isascii()
    assert named.isprintable()
    assert " " not in named
    same = one.encode("utf-8", "replace") == other.encode("utf-8", "replace")
    assert (named == webhook_id(other.encode("utf-8", "replace").decode())) == same


@given(st.lists(st.sampled_from([None, 200, 204, 301, 404, 429, 500]), max_size=200))
def test_the_cursor_only_moves_on_and_deliveries_stay_bounded(
    answers: list[int | None],
) -> None:
    progress, offset = Progress(url="", cursor=0), 1
    for status in answers:
        record = Record(offset, f"e{offset}", "note", None, None, b"{}")
        progress = retries.take(progress, record)
        before = progress.cursor
        attempt = Attempt(at=NOON, status=status)
        progress = retries.after(progress, record, attempt, Retries((1.0, 1.0)))
        assert progress.cursor in (before, offset)
        assert (progress.at_hand is None) == (progress.cursor == offset)
        assert (progress.next_attempt is None) == (progress.at_hand is None)
        assert len(progress.deliveries) <= retries.KEPT_DELIVERIES
        assert all(len(delivery.attempts) <= 3 for delivery in progress.deliveries)
        offset = progress.cursor + 1
    assert msgspec.json.decode(msgspec.json.encode(progress), type=Progress) == progress
