"""Two standalone servers with one log: what a caller has at one of them holds at the other."""

from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.client.discovery import find_endpoint
from tests.postgres import PASSWORD
from tests.team.conftest import Serve, Server
from tests.team.servers import KEY, eventually

AT = {"Host": "team.example"}
"""Both are behind one name, as they are behind a load balancer."""


def test_a_password_comes_from_where_libpq_looks_for_it_and_is_not_shown(
    serve: Serve, log_url: str
) -> None:
    for server in (
        serve(),
        serve(url=log_url.replace(f":{PASSWORD}@", "@"), PGPASSWORD=PASSWORD),
    ):
        assert server.http.get("health").json()["epoch"]
        assert str(server.said["store"]).startswith("postgresql://hitl@127.0.0.1:")
        assert PASSWORD not in str(server.said)


def logged_in(server: Server, key: str = KEY) -> httpx.Cookies:
    """Open the page with the key in its address and return the cookies that it leaves."""
    cookies = httpx.Cookies()
    headers = {**AT, "Accept": "text/html"}
    for query in ({"token": key}, {}):
        with httpx.Client(base_url=server.url, headers=headers, cookies=cookies) as http:
            reply = http.get("", params=query)
        cookies.update({cookie.name: str(cookie.value) for cookie in reply.cookies.jar})
    return cookies


def as_page(server: Server, cookies: httpx.Cookies) -> httpx.Client:
    headers = {**AT, "X-XSRFToken": cookies["_xsrf"]}
    return httpx.Client(base_url=server.url, headers=headers, cookies=cookies, timeout=30)


def test_a_page_that_is_logged_in_at_one_server_may_read_and_answer_at_the_other(
    serve: Serve,
) -> None:
    one, two = serve(), serve()
    question = {"type": "human_input_required", "prompt": "Good?", "request_id": "r1"}
    assert one.http.post("events", json=question).status_code == 200
    with as_page(two, logged_in(one)) as page:
        assert page.get("requests/r1").json()["status"] == "pending"
        answer = {"human_feedback": "Yes", "via": "inbox"}
        assert page.post("requests/r1/answer", json=answer).status_code == 200


def test_a_page_stays_logged_in_when_its_server_starts_again(serve: Serve) -> None:
    one = serve()
    cookies = logged_in(one)
    assert one.process.end() == 0
    with as_page(serve(), cookies) as page:
        assert page.get("requests").status_code == 200


def test_a_new_api_key_ends_the_cookies_of_the_old_one(serve: Serve) -> None:
    cookies = logged_in(serve())
    with as_page(serve(key="another-key"), cookies) as page:
        assert page.get("requests").status_code == 401


def test_a_cookie_of_another_log_opens_nothing(serve: Serve, log_url: str) -> None:
    cookies = logged_in(serve())
    with as_page(serve(url=f"{log_url}_2"), cookies) as page:
        assert page.get("requests").status_code == 401


def test_a_script_finds_whichever_server_of_its_machine_runs_and_the_log_needs_no_file(
    serve: Serve, tmp_path: Path
) -> None:
    one, two = serve(), serve()
    runtime_dir = tmp_path / "jupyter_runtime_dir"
    for running, stopped in ((two, None), (one, two)):
        if stopped is not None:
            assert stopped.process.end() == 0
        found = find_endpoint(environ={}, runtime_dir=runtime_dir)
        assert found is not None
        assert found.url == running.url
        headers = {"Authorization": f"Bearer {found.token}"}
        assert "epoch" in httpx.get(f"{found.url}health", headers=headers).json()
    assert list(tmp_path.rglob("*.lock")) == []
    assert list(tmp_path.rglob("*.db")) == []


@pytest.mark.parametrize("starts", ["before", "after"])
def test_a_caller_s_open_requests_count_at_every_server(serve: Serve, starts: str) -> None:
    limit = ("--limit", "max_pending_per_caller=3")
    one = serve(*limit)
    two = serve(*limit) if starts == "before" else None
    for number in range(3):
        question = {"type": "human_input_required", "prompt": str(number)}
        assert one.http.post("events", json=question).status_code == 200
    two = two or serve(*limit)
    eventually(lambda: two.http.get("health").json()["pending"] == 3)
    refused = two.http.post("events", json={"type": "human_input_required", "prompt": "4"})
    assert (refused.status_code, refused.json()["error"]) == (429, "too_many")
    (asked, *_) = one.http.get("requests").json()["requests"]
    answer = f"requests/{asked['request_id']}/answer"
    assert one.http.post(answer, json={"human_feedback": "Yes"}).status_code == 200
    eventually(lambda: two.http.get("health").json()["pending"] == 2)
    question = {"type": "human_input_required", "prompt": "4"}
    assert two.http.post("events", json=question).status_code == 200
