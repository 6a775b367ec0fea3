"""Uploading and downloading files by the clients."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.client.files import checked
from crewai_hitl_nb.protocol.arguments import WrongArgument
from crewai_hitl_nb.protocol.errors import BadRequest, HitlError, Settled, TooLarge, Unavailable
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.events import required

KEY = "a-key-for-tests"


@pytest.fixture(params=["memory", "sqlite"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HumanInputServer]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    store = ":memory:" if request.param == "memory" else str(tmp_path / "log.db")
    with HumanInputServer(port=0, api_key=KEY, store=store) as running:
        yield running


@pytest.fixture
def client(server: HumanInputServer) -> Iterator[Client]:
    with Client(server.url, KEY) as client:
        yield client


def test_a_file_is_uploaded_from_its_path_with_its_name_and_type(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(b"a,b\n")
    file = client.upload("q", path)
    assert (file.name, file.media_type, file.size) == ("sales.csv", "text/csv", 4)
    client.publish(required("q", attachments={"file-1": {FILE: msgspec.to_builtins(file)}}))
    assert client.download("q", file.sha256) == b"a,b\n"


def test_the_largest_file_arrives_whole_and_a_larger_one_is_not_sent(
    client: Client, tmp_path: Path
) -> None:
    content = bytes(range(256)) * (32 << 10)
    file = client.upload("q", content, name="large.bin", media_type="application/x-large")
    client.publish(required("q", attachments={"file-1": {FILE: msgspec.to_builtins(file)}}))
    assert client.download("q", file.sha256) == content
    path = tmp_path / "larger.bin"
    path.write_bytes(content + b"x")
    for larger in (path, content + b"x"):
        with pytest.raises(TooLarge, match=r"a file can have at most 8.3 MB"):
            client.upload("q", larger)


def test_what_is_not_a_file_is_refused_before_it_is_sent(client: Client, tmp_path: Path) -> None:
    with pytest.raises(WrongArgument, match=r"bytes or a pathlib.Path"):
        client.upload("q", "sales.csv")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match=r"nowhere.csv cannot be read"):
        client.upload("q", tmp_path / "nowhere.csv")


def test_a_closed_request_takes_no_file(client: Client) -> None:
    client.publish(required("q"))
    client.answer("q", "yes")
    with pytest.raises(Settled, match="answered first"):
        client.upload("q", b"too late")


def test_a_file_that_no_event_refers_to_is_not_there(client: Client) -> None:
    client.publish(required("q"))
    file = client.upload("q", b"x")
    for sha256 in (file.sha256, "0" * 64, "no hash"):
        with pytest.raises(HitlError) as refusal:
            client.download("q", sha256)
        assert refusal.value.status == 404


def test_a_content_that_was_changed_on_its_way_is_not_returned() -> None:
    with pytest.raises(Unavailable, match="download it again"):
        checked(b"altered", "0" * 64)


def test_a_browser_that_has_a_file_is_not_sent_it_again(
    client: Client, server: HumanInputServer
) -> None:
    file = client.upload("q", b"x")
    client.publish(required("q", attachments={"file-1": {FILE: msgspec.to_builtins(file)}}))
    place = f"{server.url}requests/q/files/{file.sha256}"
    headers = {"Authorization": f"Bearer {KEY}"}
    first = httpx.get(place, headers=headers)
    again = httpx.get(place, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    stranger = httpx.get(place, headers={"If-None-Match": first.headers["ETag"]})
    assert stranger.status_code == 401
