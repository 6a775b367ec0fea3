"""Files as a way in: what somebody uploads must run nowhere, hide nowhere and open nothing."""

import base64
import hashlib
import itertools
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.server.auth.keyring import Keyring, Right
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, Serve, caller

NUMBERS = itertools.count(1)
HOSTILE = b"<!doctype html><script>document.title = 'ran'; fetch('/requests')</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="document.title = \'ran\'"/>'


def uploaded(http: httpx.Client, content: bytes, name: str = "a.txt", **headers: str) -> Any:
    """Upload a file, ask about it, and return its path."""
    request_id = f"files-{next(NUMBERS)}"
    place = f"requests/{request_id}/files"
    reply = http.post(place, params={"name": name}, content=content, headers=headers)
    file = reply.raise_for_status().json()
    question = {
        "type": "human_input_required",
        "request_id": request_id,
        "prompt": "?",
        "execution_id": "theirs",
        "attachments": {"file-1": {FILE: file}},
    }
    http.post("events", json=question).raise_for_status()
    return f"{place}/{file['sha256']}", file


@pytest.fixture(scope="module")
def thief(server: HumanInputServer, owner: httpx.Client, keyring: Keyring) -> Iterator[Any]:
    """Somebody with every right in one execution."""

    owner.post("events", json={"type": "note", "execution_id": "x1"}).raise_for_status()
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    _, key = keyring.add("file thief", ["read", "publish", "answer"], now, executions=["x1"])
    with caller(server.url, key) as http:
        yield http


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("/", "file"),
        ("..", "file"),
        ("a\r\nSet-Cookie: x=1\r\n.txt", "a Set-Cookie: x=1 .txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b", "a b"),
        ("n" * 300 + ".csv", "n" * 251 + ".csv"),
        ('"; filename=evil.html', '"; filename=evil.html'),
    ],
)
def test_the_name_of_a_file_leads_nowhere_and_shows_all_of_itself(
    owner: httpx.Client, said: str, kept: str
) -> None:
    place, file = uploaded(owner, b"x", said)
    assert file["name"] == kept
    reply = owner.get(place)
    assert "set-cookie: x=1" not in str(reply.headers).lower()
    header = reply.headers["Content-Disposition"]
    assert header.startswith("attachment; filename*=UTF-8''")
    assert not set(header.removeprefix("attachment; filename*=UTF-8''")) & set("\";' \r\n/\\")


@pytest.mark.parametrize("name", ["../x", "a/b", "x\u202ey", "", "x" * 256])
def test_an_event_names_no_file_that_an_upload_would_not(owner: httpx.Client, name: str) -> None:
    _, file = uploaded(owner, b"x")
    question = {
        "type": "human_input_required",
        "prompt": "?",
        "attachments": {"file-1": {FILE: {**file, "name": name}}},
    }
    reply = owner.post("events", json=question)
    assert (reply.status_code, reply.json()["field"]) == (422, "attachments.file-1")


@pytest.mark.parametrize("path", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "A" * 64, "0" * 63, "0" * 64])
def test_no_address_of_a_file_leads_out_of_its_folder(
    serve: Serve, tmp_path: Path, path: str
) -> None:
    server = serve(api_key=KEY, store=str(tmp_path / "log.db"))
    with caller(server.url, KEY) as http:
        place, _ = uploaded(http, b"x")
        reply = http.get(f"{place.rpartition('/')[0]}/{path}")
    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("content", "media_type"), [(HOSTILE, "text/html"), (SVG, "image/svg+xml")]
)
def test_nothing_in_a_file_runs_when_somebody_opens_its_address(
    server: HumanInputServer,
    owner: httpx.Client,
    browser: Browser,
    content: bytes,
    media_type: str,
) -> None:
    place, file = uploaded(owner, content, "page.html", **{"Content-Type": media_type})
    assert file["media_type"] == media_type
    reply = owner.get(place)
    assert reply.content == content
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}?token={KEY}")
        with page.expect_download() as download:
            page.evaluate("url => { location.href = url }", f"{server.url}{place}")
        assert download.value.suggested_filename == "page.html"
        framed = page.evaluate(
            """url => new Promise(done => {
                const image = new Image();
                image.onload = () => done('drawn');
                image.onerror = () => done('refused');
                image.src = url;
            })""",
            f"{server.url}{place}",
        )
        assert (framed, page.title()) != ("drawn", "ran")
        assert page.title() != "ran"


def test_a_limited_key_gives_the_question_of_another_no_file(
    thief: httpx.Client, owner: httpx.Client
) -> None:
    place, _ = uploaded(owner, b"x")
    reply = thief.post(place.rpartition("/")[0], content=b"mine")
    assert reply.status_code == 403


def test_a_limited_key_does_not_read_a_file_of_another_by_its_hash(
    thief: httpx.Client, owner: httpx.Client
) -> None:
    place, file = uploaded(owner, b"their secret")
    assert thief.get(place).status_code == 404
    question = {
        "type": "human_input_required",
        "request_id": "of-the-thief",
        "prompt": "?",
        "execution_id": "x1",
        "attachments": {"file-1": {FILE: file}},
    }
    assert thief.post("events", json=question).status_code == 422
    assert thief.get(f"requests/of-the-thief/files/{file['sha256']}").status_code == 404


def test_an_upload_that_no_event_refers_to_is_read_by_nobody(owner: httpx.Client) -> None:
    place, _ = uploaded(owner, b"x")
    folder = place.rpartition("/")[0]
    file = owner.post(folder, content=b"another").raise_for_status().json()
    assert owner.get(f"{folder}/{file['sha256']}").status_code == 404


def test_a_key_that_only_reads_uploads_nothing(
    server: HumanInputServer, owner: httpx.Client, keyring: Keyring
) -> None:

    place, _ = uploaded(owner, b"x")
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    cases: list[tuple[list[Right], int, int]] = [
        (["read"], 403, 403),
        (["read", "answer"], 201, 403),
        (["publish"], 201, 201),
    ]
    for number, (rights, open_, new) in enumerate(cases):
        _, key = keyring.add(f"uploader {number}", rights, now)
        with caller(server.url, key) as http:
            assert http.post(place.rpartition("/")[0], content=b"y").status_code == open_
            assert http.post(f"requests/new-{number}/files", content=b"y").status_code == new


def test_a_digest_that_does_not_fit_its_content_is_refused(owner: httpx.Client) -> None:
    digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    for said in (f"sha-256=:{digest}:", "sha-256=:short:", "sha-256=broken"):
        reply = owner.post("requests/d/files", content=b"x", headers={"Content-Digest": said})
        assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")


def test_an_upload_that_breaks_off_leaves_no_file_and_takes_no_room(serve: Serve) -> None:
    server = serve(api_key=KEY)
    with caller(server.url, KEY) as http:
        for _ in range(6):  # more than the bound on all bodies
            with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0)) as raw:
                head = (
                    "POST /requests/r/files?name=a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Authorization: Bearer {KEY}\r\nContent-Length: {8 << 20}\r\n\r\n"
                )
                raw.sendall(head.encode() + b"x" * (7 << 20))
        reply = http.post("requests/r/files", content=b"y" * (8 << 20))
        assert reply.status_code == 201


def test_a_file_over_the_limit_is_refused_before_it_is_read(owner: httpx.Client) -> None:
    reply = owner.post("requests/r/files", content=b"x" * (8 << 20) + b"x")
    assert (reply.status_code, reply.json()["limit"]) == (413, 8 << 20)


@pytest.mark.parametrize("change", [{"more": 1}, {"media_type": None}])
def test_an_answer_with_a_file_of_another_shape_does_not_pass_for_one_that_was_uploaded(
    owner: httpx.Client, change: dict[str, Any]
) -> None:
    request_id = f"files-{next(NUMBERS)}"
    fields = {"receipt": {"type": "object", "format": "file"}}
    question = {
        "type": "human_input_required",
        "request_id": request_id,
        "prompt": "?",
        "response": {
            "decisions": ["respond"],
            "schema": {"type": "object", "properties": fields},
        },
    }
    owner.post("events", json=question).raise_for_status()
    file = {"name": "a.txt", "media_type": "text/plain", "size": 1, "sha256": "9f" * 32, **change}
    file = {name: value for name, value in file.items() if value is not None}
    answer = {"decision": "respond", "values": {"receipt": file}}

    reply = owner.post(f"requests/{request_id}/answer", json=answer)

    assert reply.status_code == 422, reply.text
    assert owner.get(f"requests/{request_id}").json()["status"] == "pending"


def test_a_form_around_a_file_is_refused_and_not_stored_as_the_file(owner: httpx.Client) -> None:
    place = f"requests/files-{next(NUMBERS)}/files"
    reply = owner.post(place, params={"name": "a.txt"}, files={"file": ("a.txt", b"content")})
    assert reply.status_code == 400
    assert "--data-binary" in reply.json()["message"]


def test_a_compressed_file_is_refused_and_not_stored_as_the_file(owner: httpx.Client) -> None:
    place = f"requests/files-{next(NUMBERS)}/files"
    headers = {"Content-Encoding": "gzip"}
    reply = owner.post(place, params={"name": "a.txt"}, content=b"\x1f\x8b", headers=headers)
    assert reply.status_code == 400
    assert "without `gzip`" in reply.json()["message"]
