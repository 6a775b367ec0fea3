"""Rules that a person makes on the card of a gated tool, and the crew's further calls of it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Any

import httpx
import pytest
from crewai.hooks import InterceptionPoint, register_hook, unregister_hook
from crewai.hooks.tool_hooks import ToolCallHookContext

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client, Request
from crewai_hitl_nb.protocol.events import GatedCall, HumanInputCompleted, HumanInputRequired
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question, questions_since, top_of_the_log, wait_until_closed
from tests.kernel.test_gates import DeleteTool
from tests.kernel.tool_crews import WAYS, Call, Running, started, tool_crew

pytestmark = pytest.mark.usefixtures("bridge")

A: Call = ("delete_file", {"path": "/tmp/a"})
B: Call = ("delete_file", {"path": "/tmp/b"})


@pytest.fixture
def page(server: JupyterProcess) -> Iterator[httpx.Client]:
    """A person's browser on the server's own page."""
    with httpx.Client(base_url=server.prefix, timeout=15) as http:
        assert http.get("", params={"token": server.token}).status_code == 200
        origin = str(httpx.URL(server.prefix).copy_with(path="")).rstrip("/")
        http.headers.update({"X-XSRFToken": http.cookies["_xsrf"], "Origin": origin})
        yield http
        for rule in http.get("rules").json()["rules"]:
            http.post(f"rules/{rule['rule_id']}/revoke").raise_for_status()


@contextmanager
def gated(calls: Sequence[Call], way: str = "native", **rule: Any) -> Iterator[Running]:
    tool = DeleteTool()
    with hitl.approve_tools("delete_*", **rule), tool_crew(way, calls, tool) as crew, started(crew):
        yield crew


def allow(page: httpx.Client, question: HumanInputRequired, rule: str) -> str:
    """Allow a call and more on the card; return the rule's id."""
    body = {"decision": "approve", "rule": rule, "via": "card"}
    reply = page.post(f"requests/{question.request_id}/answer", json=body)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["event"]["event_id"])


def decided(client: Client, mark: int, count: int) -> list[Request]:
    """Return the questions after a place in the log, once they have ended."""
    asked = questions_since(client, mark)
    return [wait_until_closed(client, next(asked).request_id) for _ in range(count)]


def by_rule(request: Request) -> object:
    assert isinstance(request.completion, HumanInputCompleted)
    return request.completion.by_rule or None


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_is_allowed_for_the_run_is_not_asked_about_again(
    way: str, client: Client, page: httpx.Client
) -> None:
    mark = top_of_the_log(client)
    with gated([A, B], way) as crew:
        rule = allow(page, next_question(client), "run")
        assert crew.result.result() == "Done"
    first, second = decided(client, mark, 2)
    assert (by_rule(first), by_rule(second)) == (None, rule)

    with gated([A], way) as crew:  # another run
        client.answer(next_question(client).request_id, decision="approve")
        assert crew.result.result() == "Done"


def test_other_arguments_than_those_allowed_are_asked_about(
    client: Client, page: httpx.Client
) -> None:
    with gated([A, A, B]) as crew:
        mark = top_of_the_log(client) - 1
        first = next_question(client)
        rule = allow(page, first, "arguments")
        *_, third = islice(questions_since(client, mark), 3)
        assert isinstance(third.call, GatedCall)
        assert third.call.arguments == '{"path":"/tmp/b"}'
        client.answer(third.request_id, decision="approve")
        assert crew.result.result() == "Done"
    assert [one.rule_id for one in client.rules()] == [rule]


def test_a_revoked_rule_lets_the_next_call_ask(client: Client, page: httpx.Client) -> None:
    made = Future[str]()

    def revoke(context: ToolCallHookContext) -> None:
        if context.tool_input == B[1]:
            client.revoke_rule(made.result(15))

    register_hook(InterceptionPoint.PRE_TOOL_CALL, revoke)
    try:
        with gated([A, B]) as crew:
            question = next_question(client)
            made.set_result(allow(page, question, "run"))
            second = next_question_after(client, question)
            client.answer(second.request_id, "No", decision="reject")
            assert crew.result.result() == "Done"
    finally:
        unregister_hook(InterceptionPoint.PRE_TOOL_CALL, revoke)


def next_question_after(client: Client, question: HumanInputRequired) -> HumanInputRequired:
    return next(questions_since(client, client.request(question.request_id).offset or 0))


def test_an_assignees_tool_offers_no_rule(client: Client, page: httpx.Client) -> None:
    with gated([A], assignee="ada") as crew:
        question = next_question(client)
        body = {"decision": "approve", "rule": "run"}
        reply = page.post(f"requests/{question.request_id}/answer", json=body)
        assert (reply.status_code, reply.json()["field"]) == (422, "rule")
        client.answer(question.request_id, decision="approve")
        assert crew.result.result() == "Done"


def test_the_crews_own_credentials_make_no_rule(
    client: Client, server: JupyterProcess, page: httpx.Client
) -> None:
    with gated([A]) as crew:
        question = next_question(client)
        headers = {"Authorization": f"token {server.token}"}
        with httpx.Client(base_url=server.prefix, headers=headers) as http:
            body = {"decision": "approve", "rule": "run"}
            reply = http.post(f"requests/{question.request_id}/answer", json=body)
        assert reply.status_code == 403
        client.answer(question.request_id, decision="approve")
        assert crew.result.result() == "Done"
