"""The log of a server: a line with ids for each turn, and no text, key or name in any of them."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.cli.command import Commands, Running, clean_env, running

KEY = "a-recognisable-key"
TEXTS = (
    "a-recognisable-prompt",
    "a-recognisable-context",
    "a-recognisable-draft",
    "a-recognisable-answer",
    "a-recognisable-option",
    "a-recognisable-value",
    "a-recognisable-message",
    "a-recognisable-wrong-key",
    "a-recognisable-note",
    KEY,
)


FORGED = "bad id\nforged request_id=x"


def whole_session(url: str) -> None:
    """Do everything that writes a line, and much that must not show in one."""
    headers = {"Authorization": f"Bearer {KEY}"}
    question = {
        "type": "human_input_required",
        "execution_id": "run-1",
        "prompt": TEXTS[0],
        "context": TEXTS[1],
        "draft": TEXTS[2],
        "response": {
            "decisions": ["approve", "respond", "edit"],
            "schema": {"type": "object", "properties": {"field": {"type": "string"}}},
        },
    }
    choice = {"decisions": ["respond"], "options": [TEXTS[4]]}
    with httpx.Client(base_url=url, headers=headers) as http:
        names = ("answered-1", "cancelled-1", "third-1")
        events = [{**question, "request_id": name, "event_id": f"e {name}"} for name in names]
        events.append({**question, "request_id": "choice-1", "response": choice})
        assert http.post("events", json=events).status_code == 200
        forged = http.post("events", json={**question, "request_id": FORGED})
        assert forged.status_code == 422
        http.post(f"requests/{quote(FORGED, safe='')}/answer", json={"human_feedback": "x"})
        http.post("events", json={"type": "note", "said": TEXTS[8]})
        http.post("requests/answered-1/claim", json={})
        said = {"human_feedback": TEXTS[3], "values": {"field": TEXTS[5]}}
        for _ in range(2):
            http.post("requests/answered-1/answer", json=said)
        http.post("requests/cancelled-1/cancel", json={"message": TEXTS[6]})
        http.post("requests/choice-1/answer", json={"option": TEXTS[5]})
        http.post("requests/choice-1/answer", json={"option": TEXTS[4]})
        http.get("poll/human-input", params={"token": KEY, "limit": "none"})
    with httpx.Client(base_url=url) as stranger:  # without the cookie that the right key left
        for number in range(70):
            wrong = {"Authorization": f"Bearer {TEXTS[7]}-{number}"}
            stranger.get("requests", headers=wrong)
        stranger.get("requests", params={"token": TEXTS[7]})


def logged(folder: Path, how: str) -> list[str]:
    """Return every line that the server wrote to stderr in a session."""
    env = clean_env(folder, CREWAI_HITL_API_KEY=KEY)
    args = ("serve", "--host", "127.0.0.1", "--port", "0", "--json", "--log", how)
    with running(*args, env=env) as server:
        whole_session(server.json()["url"])
        return stopped(server)


def stopped(server: Running) -> list[str]:
    assert server.end() == 0
    return server.err.rest()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return logged(tmp_path_factory.mktemp("text"), "text")


@pytest.fixture(scope="module")
def as_json(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(tmp_path_factory.mktemp("json"), "json")]


def test_each_turn_of_a_request_is_a_line_with_its_ids(text: list[str]) -> None:
    said = [line.split(" ", 3)[3] for line in text]
    ours = [line for line in said if "request_id=answered-1" in line]
    assert ours[:3] == [
        "asked request_id=answered-1 execution_id=run-1 offset=1 kind=task_feedback",
        "claimed request_id=answered-1 execution_id=run-1 offset=6 via=api",
        "answered request_id=answered-1 execution_id=run-1 offset=7 decision=respond via=api",
    ]
    words = {line.split(" ")[0] for line in said}
    assert {"asked", "claimed", "answered", "cancelled", "refused", "rate_limited"} <= words


def test_nothing_that_anybody_wrote_is_in_the_log(
    text: list[str], as_json: list[dict[str, Any]]
) -> None:
    whole = "\n".join(text) + json.dumps(as_json)
    assert [written for written in TEXTS if written in whole] == []


def test_an_id_cannot_forge_a_line(text: list[str]) -> None:
    assert text
    assert not any(line.lstrip().startswith("forged") for line in text)


def test_json_lines_have_the_fields_of_the_lines(as_json: list[dict[str, Any]]) -> None:
    answered = next(line for line in as_json if line.get("event") == "answered")
    fields = {"request_id": "answered-1", "execution_id": "run-1", "offset": 7, "via": "api"}
    assert fields.items() <= answered.items()
    assert {"time", "level", "logger", "message"} <= answered.keys()
    assert answered["level"] == "INFO"


def test_repeated_refusals_of_one_caller_are_logged_once(as_json: list[dict[str, Any]]) -> None:
    assert [line["limit"] for line in as_json if line.get("event") == "rate_limited"] == ["fail"]


@pytest.mark.parametrize("limit", ["publish_per_second", "publish_per_second=many", "speed=1"])
def test_an_invalid_limit_is_a_usage_error(limit: str, tmp_path: Path) -> None:
    result = Commands(clean_env(tmp_path))("serve", "--limit", limit)
    assert result.exit_code == 2
    assert "NAME=NUMBER" in result.stderr


def test_limits_are_set_on_the_command_line(tmp_path: Path) -> None:
    env = clean_env(tmp_path, CREWAI_HITL_API_KEY=KEY)
    limit = ("--limit", "publish_per_second=0.01", "--limit", "max_streams_per_caller=0")
    with running("serve", "--port", "0", "--json", *limit, env=env) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=server.json()["url"], headers=headers) as http:
            replies = [http.post("events", json={"type": "note"}) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [200, 429]
        assert server.end() == 0
