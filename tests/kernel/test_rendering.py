"""What stands under a question, whatever an asker gives."""

import html
from dataclasses import dataclass
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.context import literal
from crewai_hitl_nb.kernel.questions.rendering import as_markdown
from crewai_hitl_nb.protocol import limits


class Model(BaseModel):
    x: int = 1


@dataclass
class Data:
    x: int = 1


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (None, ""),
        ("*as it is*", "*as it is*"),
        ({"x": 1}, '```json\n{\n  "x": 1\n}\n```'),
        (Model(), '```json\n{\n  "x": 1\n}\n```'),
        (Data(), '```json\n{\n  "x": 1\n}\n```'),
        ([Model()], '```json\n[\n  {\n    "x": 1\n  }\n]\n```'),
        ({"b", "a"}, '```json\n[\n  "a",\n  "b"\n]\n```'),
        (3.5, "3.5"),
    ],
)
def test_an_object_is_shown_in_a_form_that_fits_its_type(thing: Any, shown: str) -> None:
    assert as_markdown(thing) == shown


def test_large_json_is_cut_and_says_so() -> None:
    shown = as_markdown({"x": "y" * limits.MAX_CONTEXT_CHARS})

    assert len(shown) <= limits.MAX_CONTEXT_CHARS // 2
    assert "cut here" in shown
    assert shown.endswith("\n```")


@pytest.mark.parametrize(
    "text",
    [
        "<script>",
        "<!-- x",
        "<textarea>",
        "![x](attachment:image-2)",
        "![x](data:image/png;base64,AAAA)",
        "[a](b) [a][b] \\[c\\]",
        "`code` ``a",
        "*a* **b** ~~c~~ _d_ __e__",
        "a|b \\| c",
        "&amp; &#42;",
        "$x$ costs $5",
        "C:\\",
        "https://example.com/~user www.example.com/~user",
    ],
)
def test_marks_in_a_name_or_cell_are_shown_and_hide_nothing(text: str) -> None:
    markdown = MarkdownIt().enable("table")

    shown = markdown.render(f"| a |\n| --- |\n| {literal(text)} |\n\n**{literal(text)}**\n\nafter")

    characters = html.escape(text).replace("&#x27;", "'")
    assert f"<td>{characters}</td>" in shown
    assert f"<p><strong>{characters}</strong></p>\n<p>after</p>" in shown
    assert "![" not in literal(text)  # a card looks for images before it reads the Markdown


@pytest.mark.parametrize(
    "text", ["-1,234.50 %", "unit_price", "R&D (EMEA)", "Hello, Ada!", "a@b.c"]
)
def test_numbers_and_words_look_the_same_in_a_terminal(text: str) -> None:
    assert literal(text) == text
