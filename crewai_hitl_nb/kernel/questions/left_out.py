"""What a question says of a file that could not be attached to it.

Pure. ``rendering.py`` says it of a file that cannot be read, the bridge of one that the server
refuses.
"""

from typing import Final

import msgspec

from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.kernel.questions.context import cut, in_brackets, literal
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.json_safe import text_of

_REASON_CHARS: Final = 500


def not_attached(name: str, reason: object) -> str:
    """Return the note in place of a file, as Markdown."""
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else text_of(reason)
    said = cut(said.rstrip("."), _REASON_CHARS)
    return f"({literal(name)} could not be attached: {literal(said)}.)"


def link_to(file: File, attachment: str) -> str:
    """Return the link by which a context names a file among its attachments."""
    return f"[{in_brackets(file.name)}](attachment:{attachment})"


def without_file(
    request: HumanInputRequired, attachment: str, file: File, reason: object
) -> HumanInputRequired:
    """Return a question without a file, with a note where its context named it.

    Args:
        request: The question.
        attachment: The name of the attachment that refers to the file.
        file: The file.
        reason: Why it could not be attached.
    """
    note, link = not_attached(file.name, reason), link_to(file, attachment)
    context = request.context
    context = context.replace(link, note) if link in context else f"{context}\n\n{note}"
    kept = {name: one for name, one in request.attachments.items() if name != attachment}
    return msgspec.structs.replace(
        request, context=cut(context, limits.MAX_CONTEXT_CHARS), attachments=kept
    )
