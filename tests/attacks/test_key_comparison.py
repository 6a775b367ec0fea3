"""Timing: a key is compared in constant time, on every path that a key can come by.

Time itself is not measured, because on a shared machine it says nothing. What is: that
``hmac.compare_digest`` alone decides about every kind of key, and that nothing in the server
compares one by ``==``.
"""

import ast
import hmac
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, caller
from tests.jupyter_process import REPOSITORY

SERVER = REPOSITORY / "crewai_hitl_nb" / "server"
SECRET_WORDS = ("key", "token", "secret", "hash", "presented", "given", "digest", "password")
NO_SECRETS = {"key_id", "keys_file", "needs_key", "unhashable"}


@pytest.fixture
def held(server: HumanInputServer, keyring: Keyring) -> dict[str, str]:
    """One key of each kind."""
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    _, limited = keyring.add("limited", ["read"], now)
    return {"the api key": KEY, "a limited key": limited, "the kernels' key": server.kernel_key}


def let_in(server: HumanInputServer, key: str) -> bool:
    with caller(server.url, key) as by_header, caller(server.url) as by_address:
        statuses = {
            by_header.get("requests").status_code,
            by_address.get("requests", params={"token": key}).status_code,
        }
    assert statuses in ({200}, {401})
    return statuses == {200}


def test_each_kind_of_key_is_let_in(server: HumanInputServer, held: dict[str, str]) -> None:
    assert [let_in(server, key) for key in held.values()] == [True] * 3


@pytest.mark.parametrize("equal", [False, True])
def test_one_comparison_in_constant_time_decides_about_every_kind_of_key(
    server: HumanInputServer, held: dict[str, str], monkeypatch: pytest.MonkeyPatch, equal: bool
) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: equal)
    for key in held.values():
        assert let_in(server, key if not equal else f"{key[:-4]}oops") is equal


def comparisons(tree: ast.AST) -> Iterator[ast.Compare]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            isinstance(one, ast.Eq | ast.NotEq) for one in node.ops
        ):
            yield node


def named(node: ast.expr) -> str:
    """Return the last name of a variable or an attribute."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@pytest.mark.parametrize("file", sorted(SERVER.glob("*.py")), ids=lambda path: path.name)
def test_no_secret_is_compared_letter_by_letter(file: Path) -> None:
    wrong = [
        ast.unparse(node)
        for node in comparisons(ast.parse(file.read_text()))
        for side in (node.left, *node.comparators)
        if named(side) not in NO_SECRETS
        and any(word in named(side).lower() for word in SECRET_WORDS)
    ]
    assert wrong == []


def test_a_comparison_letter_by_letter_would_be_found() -> None:
    tree = ast.parse("if self.api_key == presented: pass")
    (node,) = comparisons(tree)
    assert named(node.left) == "api_key"


def test_a_wrong_key_says_nothing_of_which_part_is_wrong(
    server: HumanInputServer, held: dict[str, str]
) -> None:
    limited = held["a limited key"]
    wrong = ["", "x", KEY[:-1], KEY + "x", limited[:-1], limited[:14], "hitl_00000000_x"]
    said = {httpx.get(f"{server.url}requests", params={"token": key}).text for key in wrong}
    assert len(said) == 1
