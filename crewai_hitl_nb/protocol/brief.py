"""A large question in brief: without its texts, for readers that fetch those one by one.

A page that shows a list of questions needs to know who asks and what for, not a megabyte of each.
Which readers want questions so is theirs to say (``texts=brief``); the log keeps, and everybody
else is sent, the whole. What is brief says so by ``"brief": true``, which no publisher can write:
the fields of a question are those of its type. ``GET requests/{id}`` gives the whole.

Above: the dialects, which apply it to what is delivered, and the listing. It is pure.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired

Texts: TypeAlias = Literal["whole", "brief"]
"""How a reader wants the texts of large questions."""

_TYPE: Final = msgspec.json.encode(HumanInputRequired.__struct_config__.tag)
_LEFT_OUT: Final = (
    *("context", "draft", "history", "pause"),
    *("reason_flags", "response", "source"),
)
"""What may be large. Each is left out by itself, so a small one stays."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def in_brief(body: bytes) -> bytes:
    """Return an encoded event; a large question without its large fields and its prompt's end."""
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
