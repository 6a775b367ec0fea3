"""Large questions in brief: without their texts, for readers that fetch those one by one.

A page that lists questions needs to know who asks and what for, not a megabyte of each. Readers
opt in with ``texts=brief``; the log keeps the full question, and every other reader gets it. A
brief question carries ``"brief": true``, which no publisher can set: a question has only the
fields of its type. ``GET requests/{id}`` returns the full question.

Pure. The dialects apply it to deliveries; so does the listing.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired

Texts: TypeAlias = Literal["whole", "brief"]
"""Whether a reader gets large questions with all their texts, or in brief."""

_TYPE: Final = msgspec.json.encode(HumanInputRequired.__struct_config__.tag)
_LEFT_OUT: Final = (
    *("attachments", "context", "draft", "history", "pause"),
    *("reason_flags", "response", "source", "steps"),
)
"""The fields that may be large. Each is left out only if it is large itself."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def in_brief(body: bytes) -> bytes:
    """Return an encoded event; of a large question, drop large fields and cut the prompt."""
    if len(body) <= limits.BRIEF_EVENT_BYTES:
        return body
    said: dict[str, Any] = dict(_fields.decode(body))
    if bytes(said["type"]) != _TYPE:
        return body
    for name in _LEFT_OUT:
        if len(bytes(said.get(name, b""))) > limits.BRIEF_FIELD_BYTES:
            del said[name]
    prompt: str = msgspec.json.decode(said["prompt"])
    if len(prompt) > limits.BRIEF_PROMPT_CHARS:
        said["prompt"] = prompt[: limits.BRIEF_PROMPT_CHARS] + "…"
    said["brief"] = True
    return msgspec.json.encode(said)
