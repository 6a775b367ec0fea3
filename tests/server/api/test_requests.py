"""The listing: the fold of the log, filtered and paged."""

import pytest

from tests.server.door import Door, Json, question


async def names(door: Door, **params: str) -> list[str]:
    reply = await door.http.get("requests", params=params)
    assert reply.status_code == 200, reply.text
    return [request["request_id"] for request in reply.json()["requests"]]


async def four_requests(door: Door) -> None:
    """Leave one pending, one answered, one cancelled and one expired."""
    await door.publish(
        question("q1", execution_id="run-1", crew_id="red", kind="question"),
        question("q2", execution_id="run-2", crew_id="red", assignee="ada"),
        question("q3", execution_id="run-2", crew_id="blue"),
        question("q4", expires_at="2020-01-01T00:00:00Z"),
    )
    await door.answer("q2", human_feedback="Yes")
    await door.http.post("requests/q3/cancel", json={})
    await door.until_status("q4", "expired")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["q1", "q2", "q3", "q4"]),
        ({"order": "newest"}, ["q4", "q3", "q2", "q1"]),
        ({"status": "pending"}, ["q1"]),
        ({"status": "answered"}, ["q2"]),
        ({"status": "cancelled"}, ["q3"]),
        ({"status": "expired"}, ["q4"]),
        ({"execution_id": "run-2"}, ["q2", "q3"]),
        ({"crew_id": "red"}, ["q1", "q2"]),
        ({"kind": "question"}, ["q1"]),
        ({"assignee": "ada"}, ["q2"]),
        ({"crew_id": "red", "status": "answered"}, ["q2"]),
        ({"execution_id": "nobody's"}, []),
        ({"closed_after": "2020-01-01T00:00:00Z"}, ["q2", "q3", "q4"]),
        ({"closed_after": "2020-01-01T00:00:00+02:00", "status": "answered"}, ["q2"]),
        ({"closed_after": "2999-12-31T23:59:59Z"}, []),
        ({"q": "yes"}, ["q2"]),
        ({"q": "EXPIRED"}, ["q4"]),
        ({"q": " task  feedback ", "crew_id": "blue"}, ["q3"]),
        ({"q": "run-1"}, []),
    ],
)
async def test_requests_are_listed_by_what_they_are_about(
    door: Door, params: dict[str, str], expected: list[str]
) -> None:
    await four_requests(door)
    assert await names(door, **params) == expected


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_pages_follow_each_other_without_hole_or_double(door: Door, order: str) -> None:
    asked = [f"q{i}" for i in range(5)]
    await door.publish(*map(question, asked))
    seen: list[str] = []
    params = {"limit": "2", "order": order}
    while True:
        page = (await door.http.get("requests", params=params)).json()
        seen += [request["request_id"] for request in page["requests"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == (asked if order == "oldest" else asked[::-1])


async def test_a_request_shows_its_question_and_how_it_ended(door: Door) -> None:
    asked: Json = question("q1", context="# Draft", reason_flags={"ambiguity": True})
    await door.publish({**asked, "execution_id": "run-1"})
    pending = await door.request("q1")
    assert {k: pending[k] for k in asked} == asked
    assert (pending["status"], pending["claimed_by"], pending["completion"]) == (
        "pending",
        None,
        None,
    )
    event = (await door.answer("q1")).json()["event"]
    assert (await door.request("q1"))["completion"] == event


@pytest.mark.parametrize(
    "params",
    [
        {"status": "open"},
        {"order": "random"},
        {"limit": "0"},
        {"closed_after": "yesterday"},
        {"closed_after": "2026-11-30T09:00:00"},
        {"cursor": "-1"},
        {"cursor": "x"},
        {"cursor": "9" * 30},
        {"execution_id": "x" * 201},
        {"q": "x" * 201},
    ],
)
async def test_a_bad_parameter_is_refused_by_name(door: Door, params: dict[str, str]) -> None:
    reply = await door.http.get("requests", params=params)
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    assert f"`{next(iter(params))}`" in reply.json()["message"]


async def test_an_unknown_request_is_not_found(door: Door) -> None:
    reply = await door.http.get("requests/nobody")
    assert (reply.status_code, reply.json()["error"]) == (404, "unknown_request")


@pytest.mark.parametrize("named", ["%0a", "%2e%2e", "%20x", "a%E2%80%8Bb", "x" * 300])
async def test_an_address_with_an_id_that_no_new_request_may_have_is_one_that_is_not_there(
    door: Door, named: str
) -> None:
    replies = [
        await door.http.get(f"requests/{named}"),
        await door.http.post(f"requests/{named}/answer", json={"human_feedback": "Yes"}),
        await door.http.post(f"requests/{named}/claim", json={}),
        await door.http.post(f"requests/{named}/cancel", json={}),
    ]
    said = {(reply.status_code, reply.json()["error"]) for reply in replies}
    assert said == {(404, "unknown_request")}
