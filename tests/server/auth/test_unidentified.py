"""Connections whose caller is not known: who goes when there are too many."""

from collections.abc import Hashable

import pytest

from crewai_hitl_nb.server.auth.unidentified import Proxies, Strangers


@pytest.fixture
def closed() -> list[Hashable]:
    """Those that were closed, in order."""
    return []


def test_one_more_of_an_address_closes_its_oldest_and_nobody_elses(closed: list[Hashable]) -> None:
    strangers = Strangers(closed.append, in_all=100, per_address=2)
    strangers.came("other", "192.0.2.7")
    for name in "abc":
        strangers.came(name, "192.0.2.1")
    assert closed == ["a"]
    assert len(strangers) == 3


def test_one_more_in_all_closes_the_oldest_of_all(closed: list[Hashable]) -> None:
    strangers = Strangers(closed.append, in_all=3, per_address=3)
    for number in range(5):
        strangers.came(number, f"192.0.2.{number}")
    assert closed == [0, 1]


def test_a_known_caller_is_none_of_them(closed: list[Hashable]) -> None:
    strangers = Strangers(closed.append, in_all=3, per_address=1)
    strangers.came("known", "192.0.2.1")
    strangers.forget("known")
    strangers.came("next", "192.0.2.1")
    assert closed == []


def test_a_proxy_is_not_one_stranger(closed: list[Hashable]) -> None:
    strangers = Strangers(closed.append, in_all=10, per_address=1)
    for number in range(5):
        strangers.came(number, None)
    assert closed == []


def test_where_there_are_no_places_left_somebody_goes_in_any_case(closed: list[Hashable]) -> None:
    strangers = Strangers(closed.append)
    strangers.came("a", "192.0.2.1")
    assert strangers.came("b", "192.0.2.2", crowded=True) == 1
    assert closed == ["a"]


def test_proxies_are_addresses_and_networks() -> None:
    proxies = Proxies(["10.0.0.7", "192.0.2.0/24", "fd00::/8"])
    assert all(one in proxies for one in ("10.0.0.7", "192.0.2.200", "fd00::1"))
    assert not any(one in proxies for one in ("10.0.0.8", "::1", "no address", ""))
    with pytest.raises(ValueError, match="proxy"):
        Proxies(["proxy"])
