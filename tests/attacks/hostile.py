"""What a crew can write that is hostile: every payload as Markdown, and a mark in every field.

A mark is HTML that says the name of its field when it runs. So a page that is bare of its
defence tells which fields it drew, and one that is not says nothing.
"""

import json
from typing import Any, TypeAlias

from tests.jupyter_process import REPOSITORY

Json: TypeAlias = dict[str, Any]

TEXTS: list[str] = json.loads((REPOSITORY / "tests/fixtures/payloads.json").read_text())

RUN = "hostile-run"
FAILED_RUN = "hostile-failed-run"
LATER = "2099-01-01T00:00:00Z"


def mark(field: str) -> str:
    return f"<img src=x onerror=\"alert('{field}')\">"


def numbered(number: int) -> str:
    """Return a payload that says its own number where it would say 1."""
    return TEXTS[number].replace("alert(1)", f"alert({number})")


def payloads() -> list[Json]:
    """Return a question for each payload, which is its prompt and its context."""
    return [
        {
            "request_id": f"payload-{number}",
            "prompt": numbered(number),
            "context": numbered(number),
            "source": {"agent_role": "Writer"},
        }
        for number in range(len(TEXTS))
    ]


FULL: Json = {
    "request_id": "every-field",
    "prompt": mark("prompt"),
    "context": mark("context"),
    "history": [{"draft": mark("earlier draft"), "feedback": mark("earlier feedback")}],
    "round": 2,
    "steps": [
        {
            "number": 1,
            "kind": "tool",
            "name": mark("step name"),
            "input": mark("step input"),
            "output": mark("step output"),
        }
    ],
    "reason_flags": {mark("reason"): True},
    "assignee": mark("assignee"),
    "expires_at": LATER,
    "source": {
        "agent_role": mark("agent"),
        "crew_name": mark("crew"),
        "flow_name": mark("flow"),
        "task_name": mark("task"),
        "notebook": "javascript:alert('notebook')",
    },
    "response": {"on_expiry": "default", "default": mark("default")},
}
OPTIONS: Json = {
    "request_id": "every-option",
    "kind": "question",
    "response": {"options": [mark("option"), mark("other option")]},
}
FORM: Json = {
    "request_id": "every-form-field",
    "kind": "question",
    "response": {
        "schema": {
            "type": "object",
            "properties": {
                mark("field name"): {"type": "string"},
                "titled": {
                    "type": "string",
                    "title": mark("field title"),
                    "description": mark("field description"),
                    "default": mark("field default"),
                },
                "chosen": {"type": "string", "enum": [mark("field choice"), "other"]},
            },
        }
    },
}
EDIT: Json = {
    "request_id": "every-draft",
    "context": f"{mark('draft')}\n\nmore",
    "draft": mark("draft"),
    "history": [{"draft": f"{mark('draft')} and words", "feedback": "Shorter"}],
    "round": 2,
    "response": {"decisions": ["approve", "edit"]},
}
CLOSED: Json = {"request_id": "every-answer", "prompt": mark("closed prompt"), "draft": "as it was"}
WITHDRAWN: Json = {"request_id": "every-end", "prompt": "Withdrawn?"}
SOURCE = {"id": "hostile-source"}
POLLUTING: Json = {
    "request_id": "every-prototype",
    "kind": "question",
    "context": '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}',
    "reason_flags": {"__proto__": True, "constructor": True},
    "response": {
        "schema": {
            "type": "object",
            "properties": {
                "__proto__": {"type": "string", "default": "polluted"},
                "constructor": {"type": "string", "default": "polluted"},
            },
        }
    },
}
TABLE: Json = {
    "request_id": "every-cell",
    "context": "| a |\n|---|\n| b |\n\n[Table](attachment:t)",
    "attachments": {
        "t": {
            "application/vnd.dataresource+json": {
                "schema": {
                    "fields": [
                        {"name": "__proto__", "title": mark("table title"), "type": "string"},
                        {"name": "b", "type": mark("table type")},
                        {"name": "c", "type": "string", "dtype": mark("table dtype")},
                        {"name": "constructor", "type": "duration"},
                    ]
                },
                "index": ["c", {"__proto__": {"polluted": 1}}],
                "total": {"rows": mark("table rows"), "columns": -1},
                "data": [
                    {"b": mark("table cell"), "c": [mark("table list")]},
                    {"constructor": {"prototype": {"polluted": 1}}},
                    mark("no row"),
                    None,
                ],
            }
        },
        "__proto__": {"application/vnd.dataresource+json": {"schema": 1}},
        "constructor": {"text/html": mark("attached HTML")},
    },
}
COPIES = "".join(f"<g id='a{n}'>" + f"<use href='#a{n - 1}'/>" * 10 + "</g>" for n in range(1, 12))
BOMB = f"><g id='a0'><rect/></g>{COPIES}"
"""Copies of copies: a browser would draw a hundred thousand million shapes."""

IMAGES: Json = {
    "request_id": "every-image",
    "context": f"![{mark('alt')}](attachment:run) ![x](data:image/svg+xml;base64,PHN2Zz4=)"
    " ![y](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) ![z](attachment:load)",
    "attachments": {
        name: {"image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg" {rest}</svg>'}
        for name, rest in {
            "run": "onload=\"alert('svg')\"><a href=\"javascript:alert('svg')\"><rect/></a>",
            "load": "><style>svg { background: url(https://e.org/x.png) }</style>",
            "script": "><script>alert('svg')</script>",
            "html": '><foreignObject><img src="https://e.org/x.png"/></foreignObject>',
            "image": '><image href="https://e.org/x.png"/>',
            "bomb": BOMB,
        }.items()
    },
}
OPEN = (FULL, OPTIONS, FORM, EDIT, POLLUTING, TABLE, IMAGES)


def endings() -> list[Json]:
    """Return what answers, claims and ends some of the questions; a kernel publishes it."""
    person = {"name": mark("person"), "via": "cli"}
    return [
        {"type": "human_input_claimed", "request_id": "every-field", "claimed_by": person},
        {
            "type": "human_input_completed",
            "request_id": "every-answer",
            "human_feedback": mark("feedback"),
            "decision": "respond",
            "answered_by": person,
        },
        {
            "type": "human_input_cancelled",
            "request_id": "every-end",
            "reason": "withdrawn",
            "message": mark("message"),
        },
    ]


def started(execution_id: str) -> Json:
    return {
        "type": "run_started",
        "event_id": f"{execution_id}-started",
        "execution_id": execution_id,
        "timestamp": "2026-11-22T01:00:00Z",
        "name": mark("run"),
        "kind": "crew",
        "tasks": [{"id": "t1", "name": mark("step"), "agent": mark("step agent")}],
        "source": SOURCE,
    }


def runs() -> list[Json]:
    """Return a run that ended well and one that failed."""
    ends = [
        {"type": "run_finished", "execution_id": RUN, "result": mark("result")},
        {
            "type": "run_failed",
            "execution_id": FAILED_RUN,
            "error": mark("error"),
            "cause": mark("cause"),
        },
    ]
    return [started(RUN), started(FAILED_RUN), *ends]


ON_THE_PAGE = {
    "prompt",
    "context",
    "earlier draft",
    "earlier feedback",
    "reason",
    "assignee",
    "agent",
    "crew",
    "flow",
    "task",
    "default",
    "option",
    "other option",
    "field name",
    "field title",
    "field description",
    "field choice",
    "draft",
    "step name",
    "step input",
    "step output",
    "person",
}
"""The fields that a page with the open questions draws as text."""

IN_THE_HISTORY = {"closed prompt", "feedback", "person", "message"}
IN_A_TABLE = {"table title", "table type", "table dtype", "table cell"}
"""The same of a table; a bare inbox page cannot load its script, because a payload sets a base."""
IN_A_NOTEBOOK = {"run", "step", "step agent", "result", "error", "cause"}
