"""What stands under a question, whatever an asker gives."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

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
