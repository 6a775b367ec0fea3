"""A language model with a script of tool calls: for notebooks that need no network.

A real crewAI ``BaseLLM``. It makes the calls one after the other and then says what came of
them, so that a person's decision visibly changes the result. It knows nothing of this
package: put ``LLM(model=...)`` in its place and the same crew runs on a real model.
"""

import json
import re
from typing import Any

from crewai.llms.base_llm import BaseLLM
from pydantic import Field, PrivateAttr

_OBSERVATION = re.compile(r"Observation: (?P<text>.+?)\s*$", re.DOTALL)


class ScriptedAgent(BaseLLM):
    """Makes these tool calls in turn, each a tool's name and its arguments."""

    calls: list[tuple[str, dict[str, Any]]] = Field(default_factory=list)
    _place: int = PrivateAttr(default=0)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Return the next tool call, or what came of all of them."""
        if self._place < len(self.calls):
            name, arguments = self.calls[self._place]
            self._place += 1
            return f"Thought: I need {name}.\nAction: {name}\nAction Input: {json.dumps(arguments)}"
        self._place = 0
        heard = [
            match["text"]
            for message in messages
            if message["role"] == "assistant" and (match := _OBSERVATION.search(message["content"]))
        ]
        last_words = "\n".join(f"- {text}" for text in heard)
        return f"Thought: I now can give a great answer\nFinal Answer: {last_words}"

    def supports_function_calling(self) -> bool:
        """Say no: the script speaks text only."""
        return False

    def get_input_tokens_count(self, messages: Any, *args: Any, **kwargs: Any) -> int:
        """Count a token for four characters; crewAI's own estimate warns in the notebook."""
        return len(str(messages)) // 4 + 1

    def supports_stop_words(self) -> bool:
        """Say no: the script stops by itself."""
        return False
