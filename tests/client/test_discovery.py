"""Finding the server: the order of the rules, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crewai_hitl_nb.client.discovery import find_endpoint, normal_url
from crewai_hitl_nb.protocol.errors import BadRequest

PERSON = {"CREWAI_HITL_URL": "http://person:1/", "CREWAI_HITL_TOKEN": "p"}
KERNEL = {"CREWAI_HITL_KERNEL_URL": "http://kernel:2/x/", "CREWAI_HITL_KERNEL_KEY": "k"}


def put_out(folder: Path, name: str, **fields: object) -> Path:
    path = folder / f"crewai-hitl-{name}.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o600)
    return path


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_each_rule_yields_to_the_one_before_it(tmp_path: Path) -> None:
    put_out(tmp_path, "1", url="http://running:3/crewai-hitl/", key="r", pid=os.getpid())

    def found(url: str | None, environ: dict[str, str]) -> tuple[str, str | None]:
        endpoint = find_endpoint(url, environ=environ, runtime_dir=tmp_path)
        assert endpoint is not None
        return endpoint.url, endpoint.token

    assert found("http://named:0", PERSON | KERNEL) == ("http://named:0/", None)
    assert found(None, PERSON | KERNEL) == ("http://person:1/", "p")
    assert found(None, KERNEL) == ("http://kernel:2/x/", "k")
    assert found(None, {}) == ("http://running:3/crewai-hitl/", "r")


def test_without_any_rule_there_is_no_server(tmp_path: Path) -> None:
    assert find_endpoint(environ={}, runtime_dir=tmp_path) is None


def test_a_named_url_gets_the_token_that_is_known_for_it_and_no_other(tmp_path: Path) -> None:
    put_out(tmp_path, "1", url="http://running:3/", key="r", pid=os.getpid())

    def token(url: str) -> str | None:
        endpoint = find_endpoint(url, environ=PERSON, runtime_dir=tmp_path)
        assert endpoint is not None
        return endpoint.token

    assert token("http://running:3") == "r"
    assert token("http://person:1") == "p"
    assert token("http://stranger:9") is None


def test_servers_that_have_ended_are_passed_over(tmp_path: Path) -> None:
    put_out(tmp_path, "1", url="http://ended:1/", key="e", pid=dead_pid())

    assert find_endpoint(environ={}, runtime_dir=tmp_path) is None


def test_the_newest_of_several_running_servers_is_taken(tmp_path: Path) -> None:
    for age, name in ((30, "old"), (10, "new"), (20, "middle")):
        path = put_out(tmp_path, name, url=f"http://{name}:1/", key="k", pid=os.getpid())
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))

    endpoint = find_endpoint(environ={}, runtime_dir=tmp_path)

    assert endpoint is not None
    assert endpoint.url == "http://new:1/"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key":"k"}', '{"url":"ftp://x/"}', "\x00"])
def test_a_file_that_names_no_server_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "crewai-hitl-x.json").write_text(content)

    assert find_endpoint(environ={}, runtime_dir=tmp_path) is None


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(find_endpoint("http://x", "secret"))


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://127.0.0.1:8888/crewai-hitl", "http://127.0.0.1:8888/crewai-hitl/"),
        (" https://hub/user/ada/crewai-hitl/ ", "https://hub/user/ada/crewai-hitl/"),
        ("http://localhost:8000", "http://localhost:8000/"),
    ],
)
def test_a_url_has_one_spelling(given: str, normal: str) -> None:
    assert normal_url(given) == normal


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8888", "ws://x/", "", "http://x/?token=1", "http://x/#a"]
)
def test_what_is_no_prefix_of_a_server_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(BadRequest, match="crewai-hitl/"):
        normal_url(url)
