"""A card as a page without a server can show it: who asked what, and who answered what.

The outputs of a notebook that was run hold each question in the card's MIME type, and beside it
the request as the server knew it at the end (``tests/notebooks/keep_outputs.py``). Here both
become a piece of HTML in the output's place. It knows the wire's field names and nothing else.
"""

import html
import re
from typing import Any

from markdown_it import MarkdownIt

CARD = "application/vnd.crewai-hitl.request+json"
WIDGET = "application/vnd.jupyter.widget-view+json"

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_COLOUR = re.compile(r"(?:text-decoration-)?color: #[0-9a-f]{6};? ?")
"""In a style: colours that were chosen for a terminal can be read on a terminal only."""
_ENDS = {
    "pending": "Nobody has answered yet.",
    "cancelled": "The question was withdrawn.",
    "expired": "The question expired.",
}


def with_records(notebook: dict[str, Any]) -> None:
    """Replace every card among a notebook's outputs by its record."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data: dict[str, Any] = output.get("data", {})
            data.pop(WIDGET, None)
            if "text/html" in data:
                data["text/html"] = _COLOUR.sub("", "".join(data["text/html"]))
            card = data.pop(CARD, None)
            if card is not None and card.get("mode") == "run":
                data["text/html"] = run_record(card["event"], card.get("requests") or [])
            elif card is not None and "event" in card:
                data["text/html"] = record(card["event"], card.get("request") or {})


def record(event: dict[str, Any], request: dict[str, Any]) -> str:
    """Return the record of a question and how it ended as HTML."""
    source: dict[str, Any] = event.get("source") or {}
    names = ("crew_name", "flow_name", "task_name", "tool_name", "agent_role")
    asker = " · ".join(html.escape(source[name]) for name in names if source.get(name))
    context = _MARKDOWN.render(str(event.get("context") or ""))
    lines = [
        '<div class="hitl-record">',
        f'<p class="hitl-asker">{asker or "Somebody"} asks</p>',
        f'<p class="hitl-prompt">{html.escape(str(event.get("prompt", "")))}</p>',
    ]
    if context:
        lines.append(f"<details><summary>What it is about</summary>{context}</details>")
    return "\n".join([*lines, f'<p class="hitl-end">{_end(request)}</p>', "</div>"])


def run_record(begun: dict[str, Any], requests: list[dict[str, Any]]) -> str:
    """Return the record of a run that was started in the background, with its questions."""
    kind, name = (html.escape(str(begun.get(field, ""))) for field in ("kind", "name"))
    heading = f'<p class="hitl-asker">The {kind} {name} runs in the background</p>'
    return "\n".join([heading, *(record(request, request) for request in requests)])


def _end(request: dict[str, Any]) -> str:
    completion: dict[str, Any] = request.get("completion") or {}
    if request.get("status") != "answered":
        return _ENDS.get(str(request.get("status")), "")
    decision = {"approve": "accepted", "reject": "rejected", "edit": "edited"}.get(
        str(completion.get("decision")), "answered"
    )
    text = "; ".join(html.escape(part) for part in _said(completion))
    answered_by: dict[str, Any] = completion.get("answered_by") or {}
    if answered_by.get("via") == "default":
        return f"Nobody answered in time; the default counts: {text}"
    name = html.escape(str(answered_by.get("name") or "Somebody"))
    return f"<strong>{name}</strong> {decision}" + (f": {text}" if text else ".")


def _said(completion: dict[str, Any]) -> list[str]:
    """Return all that an answer says, as it would be told."""
    said = [*(completion.get("options") or []), completion.get("human_feedback")]
    for name, value in (completion.get("values") or {}).items():
        told = ", ".join(map(str, value)) if isinstance(value, list) else value
        if told not in ("", None):
            said.append(f"{name}: {told}")
    return [str(part) for part in said if part]
