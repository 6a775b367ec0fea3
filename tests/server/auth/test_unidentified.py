"""Unidentified connections: which one is closed when there are too many."""

from collections.abc import Hashable

import pytest

from crewai_hitl_nb.server.auth.unidentified import Proxies, UnidentifiedConnections


@pytest.fixture
def closed() -> list[Hashable]:
    """Those that were closed, in order."""
    return []


def test_one_more_from_an_address_closes_its_oldest_and_no_other(closed: list[Hashable]) -> None:
    connections = UnidentifiedConnections(closed.append, in_all=100, per_address=2)
    connections.add("other", "192.0.2.7")
    for name in "abc":
        connections.add(name, "192.0.2.1")
    assert closed == ["a"]
    assert len(connections) == 3


def test_one_more_above_the_total_cap_closes_the_oldest(closed: list[Hashable]) -> None:
    connections = UnidentifiedConnections(closed.append, in_all=3, per_address=3)
    for number in range(5):
        connections.add(number, f"192.0.2.{number}")
    assert closed == [0, 1]


def test_an_identified_caller_does_not_count(closed: list[Hashable]) -> None:
    connections = UnidentifiedConnections(closed.append, in_all=3, per_address=1)
    connections.add("known", "192.0.2.1")
    connections.remove("known")
    connections.add("next", "192.0.2.1")
    assert closed == []


def test_connections_through_a_proxy_do_not_count_as_one_address(closed: list[Hashable]) -> None:
    connections = UnidentifiedConnections(closed.append, in_all=10, per_address=1)
    for number in range(5):
        connections.add(number, None)
    assert closed == []


def test_when_descriptors_run_out_the_oldest_is_closed_below_the_cap_too(
    closed: list[Hashable],
) -> None:
    connections = UnidentifiedConnections(closed.append)
    connections.add("a", "192.0.2.1")
    assert connections.add("b", "192.0.2.2", crowded=True) == 1
    assert closed == ["a"]


def test_proxies_are_addresses_and_networks() -> None:
    proxies = Proxies(["10.0.0.7", "192.0.2.0/24", "fd00::/8"])
    assert all(one in proxies for one in ("10.0.0.7", "192.0.2.200", "fd00::1"))
    assert not any(one in proxies for one in ("10.0.0.8", "::1", "no address", ""))
    with pytest.raises(ValueError, match="proxy"):
        Proxies(["proxy"])
