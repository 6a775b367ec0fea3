"""Every way in which a key for one execution can try the question of another one.

A way takes the thief's client and the question, and returns what the thief gets to see. They
stand by endpoint, so that an endpoint without one is noticed.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import urlencode

import httpx
from websockets.sync.client import connect

Json: TypeAlias = dict[str, Any]
Way: TypeAlias = Callable[[httpx.Client, Json], httpx.Response]

PATIENCE_SECONDS = 15
OWN = {"execution_id": "x1"}
"""What the thief's key was made for."""

OWN_EVENT = {"type": "note", "event_id": "an-event-of-the-thief", **OWN}


def read(path: str, **params: str) -> Way:
    """Ask once."""
    return lambda http, theirs: http.get(_filled(path, theirs), params=_each(params, theirs))


def stream(path: str, **params: str) -> Way:
    """Read an event stream up to its first heartbeat."""

    def way(http: httpx.Client, theirs: Json) -> httpx.Response:
        lines = []
        with http.stream("GET", _filled(path, theirs), params=_each(params, theirs)) as reply:
            for line in reply.iter_lines():
                lines.append(line)
                if line == "event: heartbeat":
                    break
        return httpx.Response(reply.status_code, text="\n".join(lines))

    return way


def socket(path: str, *up: Json, **params: str) -> Way:
    """Read a WebSocket up to its first heartbeat, then send frames and wait for each reply."""

    def way(http: httpx.Client, theirs: Json) -> httpx.Response:
        query = urlencode(_each(params, theirs))
        url = f"{http.base_url}{_filled(path, theirs)}?{query}".replace("http", "ws", 1)
        heard = ""
        with connect(url, additional_headers=dict(http.headers)) as connection:
            while '"heartbeat"' not in heard:
                heard += str(connection.recv(PATIENCE_SECONDS))
            for ref, frame in enumerate(up):
                connection.send(json.dumps({**_each(frame, theirs), "ref": f"r{ref}"}))
                while f'"ref":"r{ref}"' not in heard:
                    heard += str(connection.recv(PATIENCE_SECONDS))
        return httpx.Response(200, text=heard)

    return way


def send(path: str, body: Any = None) -> Way:
    """Post a body."""
    return lambda http, theirs: http.post(
        _filled(path, theirs), json=_each({} if body is None else body, theirs)
    )


def _filled(text: str, theirs: Json) -> str:
    """Put the question's own names in place of `<name>`."""
    for name in ("request_id", "event_id", "execution_id", "crew_id", "task_id", "sha256"):
        text = text.replace(f"<{name}>", str(theirs[name]))
    return text


def _each(value: Any, theirs: Json) -> Any:
    """Fill every text of a value."""
    return json.loads(_filled(json.dumps(value), theirs))


ENDING = {"type": "human_input_completed", "request_id": "<request_id>", **OWN}
THEIR_EVENT = {
    "type": "human_input_required",
    "event_id": "<event_id>",
    "request_id": "<request_id>",
    "prompt": "?",
    **OWN,
}
OWN_EVENT_AGAIN = {**THEIR_EVENT, "event_id": OWN_EVENT["event_id"]}
RESUME = {
    "execution_id": "<execution_id>",
    "task_id": "<task_id>",
    "human_feedback": "",
    "is_approve": True,
}

READS: dict[str, tuple[Way, ...]] = {
    "get /ws/human-input[/{execution_id}]": (
        socket("ws/human-input", replay="all"),
        socket("ws/human-input/<execution_id>", replay="all"),
        socket("ws/human-input/<execution_id>", last_event_id="nobody"),
    ),
    "get /events/human-input[/{execution_id}]": (
        stream("events/human-input", replay="all"),
        stream("events/human-input/<execution_id>", replay="pending"),
        stream("events/human-input/<execution_id>", last_event_id="nobody"),
    ),
    "get /poll/human-input[/{execution_id}]": (
        read("poll/human-input", limit="1000"),
        read("poll/human-input/<execution_id>"),
        read("poll/human-input", last_event_id=str(OWN_EVENT["event_id"]), limit="1000"),
        read("poll/human-input/<execution_id>", last_event_id="nobody"),
    ),
    "get /v1/crews/{crew_id}/human-input-stream": (
        read("v1/crews/<crew_id>/human-input-stream"),
        socket("v1/crews/<crew_id>/human-input-stream", replay="all"),
    ),
    "get /requests": (
        read("requests", limit="500"),
        read("requests", execution_id="<execution_id>"),
        read("requests", crew_id="<crew_id>"),
        read("requests", order="newest", limit="1"),
        read("requests", cursor="1", limit="500"),
        read("requests", q="another execution", order="newest"),
    ),
    "get /requests/{request_id}": (read("requests/<request_id>"),),
    "get /requests/{request_id}/files/{sha256}": (read("requests/<request_id>/files/<sha256>"),),
    "get /audit": (read("audit", limit="1000"),),
}
"""Ways to read what another execution asks."""

WRITES: dict[str, tuple[Way, ...]] = {
    "post /requests/{request_id}/answer": (send("requests/<request_id>/answer"),),
    "post /requests/{request_id}/claim": (send("requests/<request_id>/claim"),),
    "post /requests/{request_id}/cancel": (send("requests/<request_id>/cancel"),),
    "post /resume": (send("resume", RESUME),),
    "post /events": (
        send("events", ENDING),
        send("events", {**ENDING, "type": "human_input_cancelled", "reason": "withdrawn"}),
        send("events", {**ENDING, "type": "human_input_claimed", "claimed_by": {"name": "me"}}),
        # The log knows these events and skips them: what they say must not open a way.
        send("events", [THEIR_EVENT, ENDING]),
        send("events", [OWN_EVENT_AGAIN, ENDING]),
    ),
    "get /ws/human-input[/{execution_id}]": (
        socket("ws/human-input", {"type": "answer", "request_id": "<request_id>"}),
        socket("ws/human-input", {"type": "claim", "request_id": "<request_id>"}),
        socket("ws/human-input", {"type": "cancel", "request_id": "<request_id>"}),
        socket("ws/human-input", {"type": "publish", "events": [THEIR_EVENT, ENDING]}),
    ),
}
"""Ways to end or to claim what another execution asks."""

SAYS_NOTHING: dict[str, str] = {
    "get /webhooks": "test_deliveries_and_numbers_are_shown_to_no_limited_key",
    "get /metrics": "test_deliveries_and_numbers_are_shown_to_no_limited_key",
    "get /health": "test_health_tells_a_limited_key_no_numbers",
    "get /health/live": "test_health_tells_a_limited_key_no_numbers",
    "post /requests/{request_id}/files": (
        "test_a_limited_key_gives_the_question_of_another_no_file"
    ),
    "get /rules": "test_rules_are_shown_to_a_limited_key_only_in_its_scope",
    "post /rules/{rule_id}/revoke": "test_rules_are_shown_to_a_limited_key_only_in_its_scope",
    "get /sources/{source_id}": (
        "test_whether_a_process_is_there_is_told_to_who_sees_what_names_it"
    ),
    "get /openapi.json": "the same for everybody",
    "get /asyncapi.json": "the same for everybody",
    "get /manifest.webmanifest": "the same for everybody",
    "get /service-worker.js": "the same for everybody",
    "get /insights": "the page holds nothing of the log",
    "get /": "the page holds nothing of the log",
}
"""Endpoints that tell nothing of an execution, and why."""
