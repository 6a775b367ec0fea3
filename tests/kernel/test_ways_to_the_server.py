"""A kernel reaches its server however that one listens; what cannot be reached is said at once."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import AsyncClient
from crewai_hitl_nb.client.discovery import Endpoint, find_endpoint
from crewai_hitl_nb.client.errors import WrongAddress
from crewai_hitl_nb.kernel import first_report
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import HitlError, NotFound
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.certificate import untrusted_server, write_certificate
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import LIGHT
from tests.kernel.running_kernel import RunningKernel, running_kernel

_T = TypeVar("_T")


class HiddenServer(JupyterProcess):
    """A Jupyter server that a plain HTTP client cannot speak to: what it put out for kernels."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder, options=(*LIGHT, *options))
        if any("sock=" in option for option in options):  # Jupyter refuses both
            address = ("--ip=", "--port=", "--ServerApp.port")
            self._command = [o for o in self._command if not o.startswith(address)]

    def endpoint(self) -> Endpoint | None:
        """Return what its kernels and scripts find."""
        return find_endpoint(environ={}, runtime_dir=Path(self.env["JUPYTER_RUNTIME_DIR"]))

    def _health(self) -> int | None:
        found = self.endpoint()
        return httpx.get(found.url + "health", headers=bearer(found)).status_code if found else None


def bearer(endpoint: Endpoint) -> dict[str, str]:
    """Return the kernel key as a header."""
    return {"Authorization": f"Bearer {endpoint.token}"}


@pytest.fixture(scope="module", params=["a certificate", "a Unix socket"])
def hidden(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HiddenServer]:
    """A server with a certificate that nobody trusts, or on a Unix socket."""
    folder = tmp_path_factory.mktemp("hidden")
    if request.param == "a certificate":
        file = write_certificate(folder / "certificate.pem", "192.0.2.1")
        option = f"--ServerApp.certfile={file}"
    else:
        option = f"--ServerApp.sock={folder / 's'}"
    server = HiddenServer(folder, option)
    server.start()
    yield server
    server.stop()


def test_a_program_of_its_user_asks_and_answers_there(hidden: HiddenServer) -> None:
    found = hidden.endpoint()
    assert found is not None
    with hitl.Client(found.url, found.token) as client:
        client.publish({"type": "human_input_required", "prompt": "Well?", "request_id": "r"})
        first = next(client.events(types=["human_input_required"], replay="pending"))
        client.answer("r", "tea")

        assert getattr(first, "prompt", None) == "Well?"
        assert client.request("r").status == "answered"


def test_a_person_is_told_the_servers_own_address(hidden: HiddenServer) -> None:
    found = hidden.endpoint()
    assert found is not None

    assert found.url.startswith("http://127.0.0.1:")
    assert found.for_people.startswith(("https://127.0.0.1:", "http+unix://"))
    assert found.for_people.endswith("/crewai-hitl/")


@pytest.mark.parametrize("token", [None, "wrong", JupyterProcess.token])
@pytest.mark.parametrize("path", ["crewai-hitl/health", "crewai-hitl/requests", "api/kernels"])
def test_the_listener_accepts_no_other_callers(
    hidden: HiddenServer, token: str | None, path: str
) -> None:
    found = hidden.endpoint()
    assert found is not None
    headers = {} if token is None else {"Authorization": f"token {token}"}

    assert httpx.get(httpx.URL(found.url).join(f"/{path}"), headers=headers).status_code == 404


def test_a_kernels_key_opens_nothing_but_this_extension(hidden: HiddenServer) -> None:
    found = hidden.endpoint()
    assert found is not None

    for path in ("/api/kernels", "/", "/crewai-hitl/../api/status"):
        reply = httpx.get(httpx.URL(found.url).join(path), headers=bearer(found))
        assert reply.status_code == 404


def test_a_caller_without_a_key_cannot_use_much_of_the_listener(hidden: HiddenServer) -> None:
    found = hidden.endpoint()
    assert found is not None
    address = httpx.URL(found.url)

    with socket.create_connection((address.host, address.port or 0), 10) as stranger:
        head = b"GET /crewai-hitl/health HTTP/1.1\r\nX-Long: "
        with contextlib.suppress(ConnectionError):
            stranger.sendall(head + b"a" * limits.MAX_HEAD_BYTES)
            assert stranger.recv(1) == b""


@pytest.fixture(scope="module")
def standalone() -> Iterator[HumanInputServer]:
    """A plain server."""
    with HumanInputServer(port=0, api_key="key") as server:
        yield server


@pytest.fixture
def tls_url(tmp_path: Path) -> Iterator[str]:
    """Something that speaks TLS, with a certificate that nobody trusts."""
    with untrusted_server(tmp_path) as url:
        yield url


def refused(url: str) -> list[HitlError]:
    """Return what a call and a stream say of a URL."""
    with hitl.Client(url, "key", seconds=4) as client:
        with pytest.raises(HitlError) as of_call:
            client.pending()
        with pytest.raises(HitlError) as of_stream:
            next(client.events())
    return [of_call.value, of_stream.value]


def test_https_to_a_plain_http_server_is_reported(standalone: HumanInputServer) -> None:
    for refusal in refused(standalone.url.replace("http", "https")):
        assert isinstance(refusal, WrongAddress)
        assert "begins with http://" in refusal.message


def test_plain_http_to_an_https_server_is_reported(tls_url: str) -> None:
    for refusal in refused(tls_url.replace("https", "http")):
        assert isinstance(refusal, WrongAddress)
        assert "begins with https://" in refusal.message


def test_an_untrusted_certificate_is_reported_with_how_to_trust_it(tls_url: str) -> None:
    for refusal in refused(tls_url):
        assert isinstance(refusal, WrongAddress)
        assert "SSL_CERT_FILE" in refusal.message


def test_a_wrong_path_is_reported(standalone: HumanInputServer) -> None:
    for refusal in refused(f"{standalone.url}elsewhere/"):
        assert isinstance(refusal, NotFound)


@pytest.fixture
def switched_off(kernel: RunningKernel) -> Iterator[RunningKernel]:
    """The shared kernel without a bridge, and without a server that it could find."""
    kernel.run(
        "hitl.disable()\nimport os, tempfile\nkept = dict(os.environ)\n"
        "del os.environ['CREWAI_HITL_KERNEL_URL']\n"
        "os.environ['JUPYTER_RUNTIME_DIR'] = tempfile.mkdtemp()"
    )
    yield kernel
    kernel.run("hitl.disable(); os.environ.update(kept)")


@pytest.mark.parametrize("turn_on", ["hitl.enable()", "%load_ext crewai_hitl_nb"])
def test_turning_it_on_without_a_server_says_so_at_once(
    switched_off: RunningKernel, turn_on: str
) -> None:
    cell = switched_off.run(turn_on)
    switched_off.run("get_ipython().extension_manager.loaded.discard('crewai_hitl_nb')")

    assert "no server was found. Start Jupyter" in cell.text
    assert "CREWAI_HITL_URL" in cell.text
    consequence = "Until this is fixed, a crew that asks a question ends with an error."
    assert cell.text.rstrip().endswith(consequence)


def test_a_closed_port_is_reported_at_once_and_again_while_a_crew_waits(
    switched_off: RunningKernel, standalone: HumanInputServer
) -> None:
    with socket.socket() as closed:  # bound, and not listened on
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        enabled = switched_off.run(f"hitl.enable({url!r}, 'key')")

    assert f"{url} cannot be reached" in enabled.text
    assert "waits until the server is available" in enabled.text


def test_a_wrong_address_is_reported_at_once_and_ends_the_first_question(
    switched_off: RunningKernel, standalone: HumanInputServer
) -> None:
    enabled = switched_off.run(f"hitl.enable('{standalone.url}elsewhere/', 'key')")
    asked = switched_off.begin("hitl.ask('Well?')").finish()

    assert "nothing at this address" in enabled.text
    assert asked.error is not None
    assert asked.error[0] == "NotAnswered"


@pytest.mark.parametrize("turn_on", ["hitl.enable()", "%load_ext crewai_hitl_nb"])
def test_turning_it_on_says_where_questions_appear(
    kernel: RunningKernel, server: JupyterProcess, turn_on: str
) -> None:
    kernel.run("hitl.disable()")
    text = kernel.run(turn_on).text
    kernel.run("get_ipython().extension_manager.loaded.discard('crewai_hitl_nb')")
    assert text == f"Questions appear under the cell that asks, and at {server.prefix}\n"
    assert kernel.run("hitl.enable()").text == ""


def test_a_script_is_told_where_its_questions_appear_and_of_other_servers(
    server: JupyterProcess, standalone: HumanInputServer
) -> None:
    def enabled() -> str:
        script = [sys.executable, "-c", "import crewai_hitl_nb as hitl; hitl.enable()"]
        run = subprocess.run(script, env=server.env, capture_output=True, text=True, check=True)
        assert run.stdout == ""
        return run.stderr

    alone = enabled()
    assert f"questions appear at {server.prefix}." in alone
    assert "servers running" not in alone

    beside = Path(server.env["JUPYTER_RUNTIME_DIR"]) / "crewai-hitl-beside.json"
    content = {"url": standalone.url, "key": standalone.kernel_key, "pid": os.getpid()}
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(content, file)
    try:
        several = enabled()
    finally:
        beside.unlink()
    assert f"you have 2 servers running; questions go to {standalone.url}, which" in several
    assert server.prefix in several
    assert f"questions appear at {standalone.url}." in several


class RecordingBridge(Bridge):
    """A bridge that keeps the calls it started."""

    def call(self, errand: Callable[[AsyncClient], Coroutine[Any, Any, _T]]) -> "Future[_T]":
        """Start a call and keep it."""
        self.last = super().call(errand)
        return self.last


def test_a_server_that_never_tells_its_version_does_not_stop_enable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first_report, "HEALTH_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        bridge = RecordingBridge(Endpoint(url, "key"), "the-process")
        try:
            first_report.report_places(bridge, in_a_notebook=True)
            assert bridge.last.cancelled()
        finally:
            bridge.close("source_lost", 0.1)
    assert f"at {url}" in capsys.readouterr().out


class BareServer(JupyterProcess):
    """A Jupyter server whose configuration disables the extension."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, options=LIGHT, env={"JUPYTER_CONFIG_PATH": str(folder)})
        extensions = {"jpserver_extensions": {"crewai_hitl_nb": False}}
        config = folder / "jupyter_server_config.json"
        config.write_text(json.dumps({"ServerApp": extensions}))

    def _health(self) -> int | None:
        with contextlib.suppress(httpx.ConnectError):
            return httpx.get(self.url + "api").status_code
        return None


def test_a_kernel_of_a_server_with_the_extension_disabled_is_told_so(tmp_path: Path) -> None:
    server = BareServer(tmp_path)
    server.start()
    try:
        with running_kernel(server) as kernel:
            enabled = kernel.run("import crewai_hitl_nb as hitl; hitl.enable()").text
            asked = kernel.begin("hitl.ask('Well?')").finish()
    finally:
        server.stop()
    assert "its extension is disabled" in enabled
    assert "jupyter server extension enable crewai_hitl_nb" in enabled
    assert asked.error is not None
    assert "its extension is disabled" in asked.error[1]
    assert asked.error[1].endswith("then restart Jupyter.")
