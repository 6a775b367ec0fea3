"""The buckets: bursts pass, more waits, and nobody is remembered for ever."""

import pytest

from crewai_hitl_nb.server.auth import token_bucket
from crewai_hitl_nb.server.auth.token_bucket import Buckets


def test_a_burst_passes_and_the_next_act_waits_for_its_price() -> None:
    kept = Buckets(rate=2, burst=4)
    assert [kept.take("ada", 1, now=100) for _ in range(4)] == [0, 0, 0, 0]
    assert kept.take("ada", 1, now=100) == 0.5
    assert kept.take("ada", 1, now=100.5) == 0


def test_a_refused_act_takes_nothing() -> None:
    kept = Buckets(rate=1, burst=2)
    kept.take("ada", 2, now=0)
    assert [kept.take("ada", 1, now=0.5) for _ in range(10)] == [0.5] * 10
    assert kept.take("ada", 1, now=1) == 0


def test_each_caller_has_their_own() -> None:
    kept = Buckets(rate=1, burst=1)
    assert kept.take("ada", 1, now=0) == 0
    assert kept.take("ada", 1, now=0) == 1
    assert kept.take("bob", 1, now=0) == 0


def test_an_act_larger_than_the_bucket_passes_when_it_is_full_and_is_paid_off() -> None:
    kept = Buckets(rate=1, burst=10)
    assert kept.take("ada", 30, now=0) == 0
    assert kept.take("ada", 1, now=0) == 21
    assert kept.take("ada", 1, now=21) == 0


def test_a_rate_of_nothing_lets_everything_through() -> None:
    kept = Buckets(rate=0, burst=0)
    assert not any(kept.take("ada", 1_000_000, now=0) for _ in range(100))
    assert kept.wait("ada", now=0) == 0


def test_looking_takes_nothing() -> None:
    kept = Buckets(rate=1, burst=1)
    assert [kept.wait("ada", now=0) for _ in range(3)] == [0, 0, 0]
    kept.take("ada", 1, now=0)
    assert [kept.wait("ada", now=0.5) for _ in range(3)] == [0.5, 0.5, 0.5]


def test_callers_who_were_quiet_are_forgotten_before_those_who_owe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_bucket, "MOST_CALLERS", 4)
    kept = Buckets(rate=1, burst=1)
    kept.take("busy", 1, now=9)
    for number in range(3):
        kept.take(f"quiet-{number}", 1, now=0)
    kept.take("new", 1, now=9.5)
    assert kept.take("busy", 1, now=9.5) == 0.5


def test_however_many_callers_come_at_once_few_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(token_bucket, "MOST_CALLERS", 100)
    kept = Buckets(rate=1, burst=1)
    for number in range(1000):
        kept.take(f"{number}", 1, now=0)
    remembered = sum(kept.take(f"{number}", 1, now=0) > 0 for number in range(1000))
    assert remembered <= 100
