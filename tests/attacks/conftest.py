"""Servers to attack: standalone ones in this process, and one Jupyter server beside it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.e2e.chromium import headless_chromium
from tests.jupyter_process import JupyterProcess, jupyter_process

KEY = "a-key-that-nobody-may-see"

REBOUND = "rebound.test"
"""A name that leads to this machine in the browser."""

NO_HELP = (
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
)
"""Today's Chromium keeps pages of other networks from this machine; not every browser does."""

LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
"""No news, which would come from elsewhere, and every cell drawn."""

EXPOSED = ("--LabApp.expose_app_in_browser=True",)

Serve = Callable[..., HumanInputServer]


@pytest.fixture(scope="session", autouse=True)
def runtime_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what a server puts out for scripts inside of the tests' folder."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the keys of the server stand."""
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def keyring(keys_file: Path) -> Keyring:
    """The keys of the server, none at first."""
    return Keyring(keys_file)


@pytest.fixture(scope="module")
def server(keys_file: Path) -> Iterator[HumanInputServer]:
    """A server with one key that may do everything, and the keyring's."""
    with HumanInputServer(port=0, api_key=KEY, keys_file=keys_file) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: HumanInputServer) -> Iterator[httpx.Client]:
    """The one who may do everything."""
    with caller(server.url, KEY) as http:
        yield http


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start standalone servers; they stop with the test."""
    with ExitStack() as stack:

        def start(**options: Any) -> HumanInputServer:
            return stack.enter_context(HumanInputServer(port=0, **options))

        yield start


def caller(url: str, key: str | None = None, **headers: str) -> httpx.Client:
    """Return a client that presents this key, or none."""
    credentials = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=url, headers={**credentials, **headers}, timeout=15)


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A Jupyter server with JupyterLab."""
    scratch = tmp_path_factory.mktemp("jupyter")
    overrides = scratch / "jupyter_config_dir" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps(LAB_SETTINGS))
    with jupyter_process(scratch, app="jupyterlab", options=EXPOSED) as server:
        yield server


# Not for the whole package: while it lives, no test of asyncio can run beside it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile."""
    with headless_chromium(*NO_HELP) as browser:
        yield browser
