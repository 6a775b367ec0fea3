"""A language model that needs no network: a real crewAI ``BaseLLM`` with a script.

The quickstart notebook, the headless demo and the tests run real crews on it, so that a
person's feedback visibly changes the next draft. It knows nothing of this package: put
``LLM(model=...)`` in its place and the same crew runs on a real model.
"""

import json
import re
from typing import Any

from crewai.llms.base_llm import BaseLLM
from pydantic import BaseModel

_FEEDBACK = re.compile(r"User feedback:\s*(?P<text>.*?)\s*\nInstructions:", re.DOTALL)
_TASK = re.compile(r"Current Task:\s*(?P<text>.+?)\s*(?:\n|$)")


class ScriptedLLM(BaseLLM):
    """Answers at once: a draft for the task, then one revision per piece of feedback."""

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Return the next draft, or JSON when crewAI asks for a typed answer."""
        response_model = kwargs.get("response_model")
        if isinstance(response_model, type) and issubclass(response_model, BaseModel):
            return json.dumps(_example(response_model.model_json_schema()))
        conversation = _as_text(messages)
        if "suggestions" in conversation and "final_summary" in conversation:
            return json.dumps(
                {"suggestions": ["Name the audience"], "quality": 8.0, "final_summary": "Clearer."}
            )
        return f"Thought: I now can give a great answer\nFinal Answer: {_draft(conversation)}"

    async def acall(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Return the same as :meth:`call`."""
        return self.call(messages, *args, **kwargs)

    def supports_function_calling(self) -> bool:
        """Say no: the script speaks text only."""
        return False

    def get_input_tokens_count(self, messages: Any, *args: Any, **kwargs: Any) -> int:
        """Count a token for four characters; crewAI's own estimate warns in the notebook."""
        return len(_as_text(messages)) // 4 + 1

    def supports_stop_words(self) -> bool:
        """Say no: the script stops by itself."""
        return False


def _as_text(messages: Any) -> str:
    if isinstance(messages, str):
        return messages
    return "\n".join(str(message.get("content") or "") for message in messages)


def _draft(conversation: str) -> str:
    task = _TASK.search(conversation)
    title = task["text"].rstrip(".") if task else "The task"
    feedback = [match["text"] for match in _FEEDBACK.finditer(conversation)]
    lines = [f"# {title}", "", "Three things stand out:", ""]
    lines += [f"1. **People first**: {title.lower()} starts with whoever has to decide."]
    lines += [
        "2. **Small steps**: each one can be checked before the next.",
        "3. **No surprises**.",
    ]
    if feedback:
        lines += ["", f"*Draft {len(feedback) + 1}, revised after:*", ""]
        lines += [f"- {text}" for text in feedback]
    return "\n".join(lines)


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest object that a flat JSON Schema accepts."""
    samples: dict[str, Any] = {"array": [], "number": 8.0, "integer": 8, "boolean": True}
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    return {name: samples.get(str(p.get("type")), "text") for name, p in properties.items()}
