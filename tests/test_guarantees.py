"""The guarantees and the threat model name the tests that hold them, and those tests exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.jupyter_process import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in ("guarantees", "security")}
NAMED = re.compile(r"`((?:tests|js/test)/[\w/.-]+)::(.+?)`")
ATTACKS = sorted((REPOSITORY / "tests" / "attacks").glob("test_*.py"))


@cache
def names_in(file: Path) -> frozenset[str]:
    """Return the names of a Python file's tests."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, defined) and node.name.startswith("test_")
    )


def named(text: str) -> Iterator[tuple[str, str]]:
    for file, test in NAMED.findall(text):
        yield str(file), str(test)


def exists(file: str, test: str) -> bool:
    path = REPOSITORY / file
    if not path.exists():
        return False
    if path.suffix == ".ts":
        return test in path.read_text()  # a part of the test's sentence
    return test in names_in(path)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    tests = list(named(PAGES[page]))
    assert tests
    assert [f"{file}::{test}" for file, test in tests if not exists(file, test)] == []


def test_every_guarantee_names_a_test() -> None:
    _, *guarantees = re.split(r"^## ", PAGES["guarantees"], flags=re.MULTILINE)
    assert len(guarantees) >= 10
    assert [text.splitlines()[0] for text in guarantees if not list(named(text))] == []


def test_every_threat_names_a_test() -> None:
    _, *threats = re.split(r"^### ", PAGES["security"], flags=re.MULTILINE)
    assert threats
    assert [text.splitlines()[0] for text in threats if not list(named(text))] == []


@pytest.mark.parametrize("file", ATTACKS, ids=lambda path: path.name)
def test_every_attack_stands_in_the_threat_model(file: Path) -> None:
    name = file.relative_to(REPOSITORY).as_posix()
    told = {test for path, test in named(PAGES["security"]) if path == name}
    assert names_in(file) - told == set()


def test_a_name_that_does_not_exist_is_noticed() -> None:
    assert not exists("tests/test_guarantees.py", "test_that_nobody_wrote")
    assert not exists("tests/test_nothing.py", "test_that_nobody_wrote")
    assert not exists("js/test/inbox/place.test.ts", "a sentence that nobody wrote")
