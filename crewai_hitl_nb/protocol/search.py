"""The search rule: which words find a request.

Pure. The inbox applies the same rule to pending requests (``js/src/inbox/search.ts``);
``tests/fixtures/searches.json`` tests both. The search covers what people wrote and read, but not
ids, because their hex digits spell words.
"""

from collections.abc import Iterator
from typing import Any

from crewai_hitl_nb.protocol.events import HumanInputCancelled, HumanInputCompleted
from crewai_hitl_nb.protocol.state import Request


def words_of(text: str) -> tuple[str, ...]:
    """Return the words to search for; a request must contain all of them."""
    return tuple(text.lower().split())


def is_found(request: Request, words: tuple[str, ...]) -> bool:
    """Return whether the request contains every word, also inside other words."""
    if not words:
        return True
    text = "\n".join(part for part in _texts(request) if part).lower()
    return all(word in text for word in words)


def _texts(request: Request) -> Iterator[str | None]:
    required, closing = request.required, request.completion
    source = required.source
    yield from (request.status, required.kind.replace("_", " "), required.assignee)
    yield from (required.prompt, required.context)
    yield from (source.crew_name, source.task_name, source.agent_role, source.flow_name)
    yield from (source.tool_name, source.notebook, source.host)
    yield from required.response.options or ()
    if isinstance(closing, HumanInputCompleted):
        yield from (closing.human_feedback, closing.decision)
        yield closing.answered_by.name if closing.answered_by else None
        for value in (closing.values or {}).values():
            yield from _strings(value)
    elif isinstance(closing, HumanInputCancelled):
        yield from (closing.reason.replace("_", " "), closing.message)


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings in a form field's value: one, or several chosen ones."""
    values = value if isinstance(value, list) else [value]
    yield from (text for text in values if isinstance(text, str))
