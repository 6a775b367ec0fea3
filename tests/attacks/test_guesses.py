"""Keys are guessed at every door: none answers more guesses than another, or tells one apart."""

from collections.abc import Callable
from typing import TypeAlias

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.bare import EITHER, lets_pass, without
from tests.attacks.conftest import KEY, Serve, caller

Guess: TypeAlias = Callable[[str, str], int]
FEW = 0.05
"""Guesses in a second: three at once."""


@pytest.fixture
def guessed(serve: Serve) -> HumanInputServer:
    """A server that hears three guesses; no time passes, in which it would hear another one."""
    server: HumanInputServer = serve(api_key=KEY, limits={"failures_per_second": FEW})
    server._runtime.services.limiter._clock = lambda: 0.0
    return server


def by(method: str, path: str) -> Guess:
    """Guess in a header."""

    def guess(url: str, key: str) -> int:
        with caller(url, key) as http:
            return http.request(method, path).status_code

    return guess


def by_address(path: str) -> Guess:
    """Guess in the address, behind a header that stays the same."""

    def guess(url: str, key: str) -> int:
        return httpx.get(url + path, params={"token": key}, timeout=15).status_code

    return guess


def by_socket(url: str, key: str) -> int:
    """Guess in the handshake of a WebSocket."""
    try:
        headers = {"Authorization": f"Bearer {key}"}
        address = f"{url}ws/human-input".replace("http", "ws", 1)
        with connect(address, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


DOORS: dict[str, Guess] = {
    "health": by("GET", "health"),
    "health by address": by_address("health"),
    "page": by("GET", ""),
    "static file": by("GET", "static/crewai_hitl_nb/icon-192.png"),
    "options": by("OPTIONS", "requests"),
    "nothing": by("GET", "nobody/knows/this"),
    "list": by("GET", "requests"),
    "publish": by("POST", "events"),
    "events": by("GET", "poll/human-input"),
    "crew": by("GET", "v1/crews/c/human-input-stream"),
    "socket": by_socket,
}


@EITHER
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_every_door_counts_guesses_and_then_does_not_tell_the_right_key_apart(
    guessed: HumanInputServer, door: Guess, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:
        without(monkeypatch, CallerMixin, "_count_guess", lets_pass)
    first = [door(guessed.url, f"guess-{n}") for n in range(3)]
    assert 429 not in first
    later = [door(guessed.url, key) for key in ("guess-4", KEY)]
    assert (later == [429, 429]) is not bare


def test_guesses_at_different_doors_are_counted_together(guessed: HumanInputServer) -> None:
    said = [door(guessed.url, f"guess-{n}") for n, door in enumerate(DOORS.values())]
    assert 429 not in said[:3]
    assert set(said[3:]) == {429}


def test_without_a_key_every_public_door_stays_open(guessed: HumanInputServer) -> None:
    for number in range(5):
        DOORS["health"](guessed.url, f"guess-{number}")
    assert httpx.get(f"{guessed.url}health").json()["status"] == "healthy"
    assert httpx.get(f"{guessed.url}nobody/knows/this").status_code == 404
    with caller(guessed.url, guessed.kernel_key) as http:
        assert "version" in http.get("health").json()


def test_a_guess_beside_a_constant_header_is_another_guess(guessed: HumanInputServer) -> None:
    with caller(guessed.url, "always the same") as http:
        said = [http.get("health", params={"token": f"g{n}"}).status_code for n in range(5)]
    assert said == [200, 200, 200, 429, 429]
