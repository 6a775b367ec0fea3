"""Silence is no permission: nothing blank lets a tool or a model run, by whichever door it comes.

Only a draft under review is accepted by a blank text, and only by a person's own.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import count
from typing import Any, TypeAlias

import httpx
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from crewai_hitl_nb.broker.requests.answers import default_answer
from crewai_hitl_nb.cli.main import commands
from crewai_hitl_nb.protocol.answer import REVIEWS, accept
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, Serve
from tests.events import required
from tests.jupyter_process import REPOSITORY
from tests.test_docs import code_blocks

Json: TypeAlias = dict[str, Any]

SILENT: dict[str, Json] = {
    "no body": {},
    "an empty text": {"human_feedback": ""},
    "white space": {"human_feedback": " \t\r\n\u00a0\u3000"},
    "zero-width characters": {"human_feedback": "\u200b\u2060\ufeff\u200d"},
    "fillers": {"human_feedback": "\u3164\u115f\u2800\U000e0020"},
    "control characters": {"human_feedback": "\x00\x1b\x7f"},
    "null": {"human_feedback": None, "decision": None, "options": None, "values": None},
    "no option of none": {"options": []},
}
DECISIONS = ["approve", "respond", "edit", "reject"]
OTHER_KINDS = ["question", "tool_approval", "llm_approval"]
NUMBERS = count(1)


@pytest.fixture
def server(serve: Serve) -> HumanInputServer:
    return serve(api_key=KEY)


@pytest.fixture
def http(server: HumanInputServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=15) as client:
        yield client


def ask(http: httpx.Client, kind: str, **fields: Any) -> str:
    request_id = f"silent-{next(NUMBERS)}"
    question = {
        "type": "human_input_required",
        "request_id": request_id,
        "prompt": "May it run?",
        "kind": kind,
        "execution_id": request_id,
        "task_id": "t",
        "response": {"decisions": DECISIONS},
        **fields,
    }
    http.post("events", json=question).raise_for_status()
    return request_id


def by_http(http: httpx.Client, request_id: str, body: Json) -> int:
    return http.post(f"requests/{request_id}/answer", json=body).status_code


def by_socket(http: httpx.Client, request_id: str, body: Json) -> int:
    frame = {"type": "answer", "ref": "r", "request_id": request_id, **body}
    return _up(http, frame)


def by_publishing(http: httpx.Client, request_id: str, body: Json) -> int:
    return http.post("events", json=_completed(request_id, body)).status_code


def by_publishing_on_a_socket(http: httpx.Client, request_id: str, body: Json) -> int:
    return _up(http, {"type": "publish", "ref": "r", "events": [_completed(request_id, body)]})


def by_resuming(http: httpx.Client, request_id: str, body: Json) -> int:
    said = {"execution_id": request_id, "task_id": "t", "is_approve": False}
    return http.post("resume", json={"human_feedback": "", **body, **said}).status_code


def _completed(request_id: str, body: Json) -> Json:
    said = {name: value for name, value in body.items() if value is not None}
    return {"type": "human_input_completed", "request_id": request_id, **said}


def _up(http: httpx.Client, frame: Json) -> int:
    url = str(http.base_url).replace("http", "ws", 1) + "ws/human-input"
    headers = {"Authorization": f"Bearer {KEY}"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.send(json.dumps(frame))
        replies = (json.loads(text) for text in socket)
        reply: Json = next(r for r in replies if r["type"] in ("ack", "error"))
    return 200 if reply["type"] == "ack" else int(reply["status"])


DOORS: list[Callable[[httpx.Client, str, Json], int]] = [
    by_http,
    by_socket,
    by_publishing,
    by_publishing_on_a_socket,
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_silence_is_refused_and_the_request_stays_open(
    http: httpx.Client, kind: str, door: Callable[[httpx.Client, str, Json], int]
) -> None:
    request_id = ask(http, kind)
    for name, body in SILENT.items():
        assert door(http, request_id, body) == 422, name
        assert http.get(f"requests/{request_id}").json()["status"] == "pending", name
    assert door(http, request_id, {"decision": "approve"}) == 200


@pytest.mark.parametrize("kind", [*OTHER_KINDS, *sorted(REVIEWS)])
def test_no_approval_without_words_is_no_answer_to_resume_with(
    http: httpx.Client, kind: str
) -> None:
    request_id = ask(http, kind)
    for text in ("", " \n", "\u200b"):
        assert by_resuming(http, request_id, {"human_feedback": text}) == 422
    assert by_resuming(http, request_id, {"human_feedback": None}) == 400
    assert http.get(f"requests/{request_id}").json()["status"] == "pending"


@pytest.mark.parametrize("kind", sorted(REVIEWS))
@pytest.mark.parametrize("door", DOORS)
def test_silence_accepts_a_draft_where_it_may_be_accepted(
    http: httpx.Client, kind: str, door: Callable[[httpx.Client, str, Json], int]
) -> None:
    for name in ("no body", "white space", "zero-width characters"):
        request_id = ask(http, kind)
        assert door(http, request_id, SILENT[name]) == 200
        completion = http.get(f"requests/{request_id}").json()["completion"]
        assert completion["decision"] == "approve"
    choosing = ask(http, kind, response={"decisions": ["respond"], "options": ["a", "b"]})
    assert door(http, choosing, {}) == 422
    assert door(http, choosing, {"options": []}) == 422


def test_a_choice_of_nothing_is_no_silence_and_accepts_no_draft(http: httpx.Client) -> None:
    response = {"decisions": ["approve", "respond"], "options": ["ship it", "hold it"]}
    request_id = ask(http, "flow_feedback", response=response)
    assert by_http(http, request_id, {"options": []}) == 422
    assert http.get(f"requests/{request_id}").json()["status"] == "pending"


@pytest.mark.parametrize(
    "default", [{}, {"human_feedback": ""}, "", " ", "\u200b", [], {"values": {}}]
)
def test_a_default_that_says_nothing_approves_nothing(default: Any) -> None:
    for kind in (*OTHER_KINDS, *sorted(REVIEWS)):
        response = {"decisions": DECISIONS, "default": default, "on_expiry": "default"}
        question = required("q", kind=kind, response=response)
        with pytest.raises(InvalidAnswer):
            accept(question, default_answer(question))


def test_the_command_line_takes_no_silence(server: HumanInputServer, http: httpx.Client) -> None:
    request_id = ask(http, "tool_approval")
    where = ["--url", server.url, "--token", KEY]
    for words in (["", *where], [" ", *where], ["\u200b", *where], where):
        result = CliRunner().invoke(commands, ["answer", request_id, *words])
        assert result.exit_code == 2, result.output
    assert http.get(f"requests/{request_id}").json()["status"] == "pending"


def test_the_loop_of_the_documents_accepts_drafts_by_blank_text_and_nothing_else(
    server: HumanInputServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREWAI_HITL_URL", server.url)
    monkeypatch.setenv("CREWAI_HITL_TOKEN", KEY)
    for document in ("README.md", "docs/answering.md"):
        (loop,) = (
            block
            for block in code_blocks(REPOSITORY / document, "python")
            if "client.pending()" in block
        )
        assert "# blank accepts a draft, nothing else" in loop
        silent = loop.replace('"Shorter, please"', '""')
        assert silent != loop
        draft = ask(http, "task_feedback")
        exec(silent, {})
        assert http.get(f"requests/{draft}").json()["completion"]["decision"] == "approve"
        for kind in OTHER_KINDS:
            request_id = ask(http, kind)
            with pytest.raises(InvalidAnswer, match="must not be blank"):
                exec(silent, {})
            assert http.get(f"requests/{request_id}").json()["status"] == "pending"
            http.post(f"requests/{request_id}/cancel", json={}).raise_for_status()


@pytest.mark.parametrize("text", ["\u200b", "\u3164", "\ufeff \u2060", "\x00"])
def test_a_kernel_takes_no_recorded_silence_for_consent(text: str) -> None:
    from crewai_hitl_nb.kernel.asking import NotAnswered
    from crewai_hitl_nb.kernel.flows.outcome import feedback_for
    from crewai_hitl_nb.kernel.gates.hook_input import typed
    from crewai_hitl_nb.kernel.tasks.human_input import feedback_of

    for decision in (None, "respond", "edit"):
        said = HumanInputCompleted(
            event_id="e",
            timestamp=datetime.now(timezone.utc),
            request_id="q",
            human_feedback=text,
            decision=decision,
        )
        for take in (
            lambda answer: typed(answer, "yes"),
            lambda answer: feedback_for(answer, ["ship", "hold"], "ship"),
            lambda answer: feedback_for(answer, None, None),
            feedback_of,
        ):
            with pytest.raises(NotAnswered):
                take(said)


def test_a_recorded_answer_without_a_decision_lets_no_tool_run() -> None:
    from crewai_hitl_nb.kernel.asking import NotAnswered
    from crewai_hitl_nb.kernel.gates.hook_input import typed

    for text in ("", "approve", "yes", "Type 'yes' to go on"):
        said = HumanInputCompleted(
            event_id="e",
            timestamp=datetime.now(timezone.utc),
            request_id="q",
            human_feedback=text,
        )
        with pytest.raises(NotAnswered):
            typed(said, "yes")


def test_words_are_not_blank() -> None:
    for words in ("a", " a ", "\u200ba", "ü", "好", "🙂", "👩\u200d💻", "\u0301", "."):
        assert not is_blank(words)
