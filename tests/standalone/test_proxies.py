"""A standalone server behind a proxy: whose word counts about where a call came from."""

import httpx
import pytest

from crewai_hitl_nb.server.standalone import HumanInputServer


def statuses(server: HumanInputServer, callers: list[str]) -> list[int]:
    """Try a different wrong key for each caller, by what a proxy says of them."""
    return [
        httpx.get(
            server.url + "requests",
            headers={"Authorization": f"Bearer wrong-{number}", "X-Forwarded-For": caller},
        ).status_code
        for number, caller in enumerate(callers)
    ]


LIMITS = {"failures_per_second": 0.05}  # three at once


def test_callers_behind_a_trusted_proxy_are_told_apart() -> None:
    with HumanInputServer(
        port=0, api_key="k", limits=LIMITS, trusted_proxies=["127.0.0.0/8", "10.0.0.7"]
    ) as server:
        # Also behind a second one; what the caller itself wrote before that counts for nothing.
        callers = [f"8.8.8.8, 192.0.2.{number}, 10.0.0.7" for number in range(9)]
        assert statuses(server, callers) == [401] * 9
        assert 429 in statuses(server, ["192.0.2.1"] * 9)


def test_nobody_else_is_believed_about_whom_they_call_for() -> None:
    with HumanInputServer(port=0, api_key="k", limits=LIMITS) as server:
        assert 429 in statuses(server, [f"192.0.2.{number}" for number in range(9)])


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(ValueError, match="proxy"):
        HumanInputServer(trusted_proxies=["proxy"])
