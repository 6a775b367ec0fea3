"""Every text of the repository is plain English, without the phrases of `banned_phrases.txt`."""

import json
import re
import subprocess
from bisect import bisect
from functools import cache
from itertools import accumulate

import pytest

from tests.jupyter_process import REPOSITORY

LIST = "tests/fixtures/banned_phrases.txt"
TEXTS = [
    "*.css",
    "*.html",
    "*.ipynb",
    "*.md",
    "*.mjs",
    "*.py",
    "*.sh",
    "*.toml",
    "*.ts",
    "*.tsx",
    "*.yaml",
    "*.yml",
    "Makefile",
    ".ci/run",
]
SIGN = re.compile(r"^\s*(?:(?:#:?|//|/?\*+|>|\|)\s+)?")  # of a comment, a quotation, a table


class Text:
    """A file's words in one line, so that a phrase is found across the breaks of a paragraph."""

    def __init__(self, name: str, content: str) -> None:
        lines = [SIGN.sub("", line).rstrip() for line in content.splitlines()]
        self.name = name
        self.words = " ".join(lines)
        self._starts = [0, *accumulate(len(line) + 1 for line in lines)]

    def places(self, phrase: str) -> list[str]:
        """Return where the phrase is, as ``file:line: words``."""
        return [
            f"{self.name}:{bisect(self._starts, found.start())}: …{found[0]}…"
            for found in re.finditer(phrase, self.words)
        ]


@cache
def texts() -> list[Text]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *TEXTS], cwd=REPOSITORY, capture_output=True, check=True
    )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    contents = ((name, (REPOSITORY / name).read_text("utf-8")) for name in names)
    return [
        Text(name, prose_of_notebook(content) if name.endswith(".ipynb") else content)
        for name, content in contents
    ]


def prose_of_notebook(content: str) -> str:
    """Return the text of the cells; the line numbers are those of this text."""
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(content)["cells"])


def phrases() -> list[tuple[str, str]]:
    """Return each banned phrase, an expression, with the better one."""
    lines = (REPOSITORY / LIST).read_text("utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    return [(phrase, better) for phrase, _, better in (line.partition(" => ") for line in kept)]


@pytest.mark.parametrize(("phrase", "better"), phrases())
def test_no_text_has_a_phrase_that_readers_stumble_over(phrase: str, better: str) -> None:
    places = [place for text in texts() for place in text.places(phrase)]
    assert not places, "\n".join([f"{len(places)} times; better: {better}", *places])


def test_a_banned_phrase_is_found_across_a_line_break_and_named_with_its_line() -> None:
    text = Text("a.py", "# First.\n# close the red\n#   door, or not\n")
    assert text.places(r"\bred door\b") == ["a.py:2: …red door…"]


def test_the_words_of_different_paragraphs_make_no_phrase() -> None:
    assert Text("a.md", "The paint is red\n\ndoor and all").places("red door") == []
