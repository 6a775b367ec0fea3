"""Which surface a caller may name as the one that a person used (``via``)."""

from typing import Any

import pytest

from tests.server.callers import caller
from tests.server.door import Door, Json, question, socket
from tests.server.upstream import Upstream

PROGRAM, PAGE, KERNEL = "token", "cookie with xsrf", "kernel key"

REFUSED = [
    *((who, via) for who in (PROGRAM, PAGE, KERNEL) for via in ("default", "resume", "Default")),
    *((who, " default") for who in (PROGRAM, PAGE, KERNEL)),
    *((who, "ｄｅｆａｕｌｔ") for who in (PROGRAM, PAGE, KERNEL)),
    *(
        (who, via)
        for who in (PROGRAM, PAGE, KERNEL)
        for via in ("a\nb", "defa\u200bult", "\x1b[2J", "default\u3164", "con\u2800sole")
    ),
    *((who, "console") for who in (PROGRAM, PAGE)),
    *((PROGRAM, via) for via in ("card", "inbox", "lab", "page", "panel")),
]
TAKEN = [
    *((PROGRAM, via) for via in ("api", "cli", "widget", "a-chat-of-ours")),
    *((PAGE, via) for via in ("api", "card", "inbox", "lab", "page", "panel", "widget")),
    *((KERNEL, via) for via in ("api", "cli", "console", "card", "widget")),
]


@pytest.mark.parametrize(("who", "via"), REFUSED)
async def test_who_is_not_that_surface_is_refused_and_changes_nothing(
    door: Door, who: str, via: str
) -> None:
    # Asked by a kernel, and for a kernel's refusals by a program.
    asker = PROGRAM if who == KERNEL else KERNEL
    async with caller(door, asker) as crew:
        (await crew.post("events", json=question("q1"))).raise_for_status()
    async with caller(door, who) as http:
        for path, body in _ways(via):
            reply = await http.post(path, json=body)
            assert reply.status_code == 422, (path, reply.text)
            assert reply.json()["field"].endswith("via")
    assert (await door.request("q1"))["status"] == "pending"
    assert (await door.request("q1"))["claimed_by"] is None
    assert len(await door.kept()) == 1


@pytest.mark.parametrize(("who", "via"), TAKEN)
async def test_who_is_that_surface_may_say_so(door: Door, who: str, via: str) -> None:
    await door.publish(*(question(f"q{number}") for number in range(1, 6)))
    async with caller(door, who) as http:
        for number, (path, body) in enumerate(_ways(via)):
            asked = f"q{number + 1}"
            said = {**body, "request_id": asked} if "request_id" in body else body
            reply = await http.post(path.replace("q1", asked), json=said)
            assert reply.status_code == 200, (path, reply.text)


def _ways(via: str) -> list[tuple[str, Json]]:
    by = {"name": "ada", "via": via}
    done: Json = {"type": "human_input_completed", "request_id": "q1", "human_feedback": "Yes"}
    claimed: Json = {"type": "human_input_claimed", "request_id": "q1", "claimed_by": by}
    wish: Json = {"type": "run_cancel_requested", "execution_id": "run-1", "via": via}
    return [
        ("requests/q1/claim", {"via": via}),
        ("requests/q1/answer", {"human_feedback": "Yes", "via": via}),
        ("events", {**done, "answered_by": by}),
        ("events", claimed),
        ("events", wish),
    ]


@pytest.mark.parametrize("via", ["default", "console", "lab"])
async def test_frames_up_are_held_to_the_same_rule(door: Door, via: str) -> None:
    async with caller(door, KERNEL) as crew:
        (await crew.post("events", json=question("q1"))).raise_for_status()
    frames: list[dict[str, Any]] = [
        {"type": "answer", "request_id": "q1", "human_feedback": "Yes", "via": via},
        {"type": "claim", "request_id": "q1", "via": via},
        *({"type": "publish", "events": [body]} for path, body in _ways(via) if path == "events"),
    ]
    async with socket(door) as connection:
        up = Upstream(connection)
        for frame in frames:
            assert (await up.ask(frame))["status"] == 422, frame
    assert (await door.request("q1"))["status"] == "pending"


async def test_the_console_is_the_terminal_of_whoever_asked(door: Door) -> None:
    async with caller(door, PAGE) as asker, caller(door, PROGRAM) as other:
        for number in (1, 2):
            (await asker.post("events", json=question(f"q{number}"))).raise_for_status()
        said = {"human_feedback": "Yes", "via": "console"}
        assert (await other.post("requests/q1/answer", json=said)).status_code == 422
        assert (await asker.post("requests/q1/answer", json=said)).status_code == 200
        await door.restart()
        assert (await asker.post("requests/q2/answer", json=said)).status_code == 200


async def test_who_tried_to_ask_it_as_well_is_not_whoever_asked(door: Door) -> None:
    async with caller(door, PAGE) as asker, caller(door, PROGRAM) as other:
        (await asker.post("events", json=question("q1"))).raise_for_status()
        again = await other.post("events", json={**question("q1"), "prompt": "Mine?"})
        assert again.status_code == 409
        said = {"human_feedback": "Yes", "via": "console"}
        assert (await other.post("requests/q1/answer", json=said)).status_code == 422
        assert (await other.post("requests/q1/claim", json={"via": "console"})).status_code == 422
        assert (await door.request("q1"))["status"] == "pending"
        assert (await asker.post("requests/q1/answer", json=said)).status_code == 200
        late = await asker.post("requests/q1/answer", json={**said, "human_feedback": "No"})
        assert late.json()["error"] == "already_answered"


async def test_the_default_answer_is_the_servers_own_to_give(door: Door) -> None:
    await door.ask(
        "q1",
        expires_at="2020-01-01T00:00:00Z",
        response={"on_expiry": "default", "default": "Later"},
    )
    request = await door.until_status("q1", "answered")
    assert request["completion"]["answered_by"] == {"name": "default", "via": "default"}
