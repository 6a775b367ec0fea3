"""A real Jupyter server with the extension, one for each test, on the test's own loop.

pytest-jupyter's fixtures and hooks are imported by name of their module here rather than
as a plugin, so that they hold for this folder only; elsewhere pytest-asyncio runs.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403 - fixtures and hooks, all of them
from traitlets.config import Config

from tests.server.door import Door


@pytest.fixture
def traits() -> dict[str, Any]:
    """Return the traits of ``HumanInputApp``; see ``door.configured``."""
    return {}


@pytest.fixture
def host() -> dict[str, Any]:
    """Return further configuration of the host, by class."""
    return {}


@pytest.fixture
def shortcuts() -> bool:
    """Return whether the server takes shortcuts past Tornado's code; see ``door.both_ways``."""
    return True


# pytest-jupyter asks for its configuration under this name.
@pytest.fixture(name="jp_server_config")
def server_config(traits: dict[str, Any], host: dict[str, Any], shortcuts: bool) -> Config:
    """Enable the extension."""
    extensions = {"crewai_hitl_nb": True, "jupyter_server_terminals": False}
    config = Config(
        {
            "ServerApp": {"jpserver_extensions": extensions},
            "HumanInputApp": {"shortcuts": shortcuts, **traits},
        }
    )
    config.merge(Config(host))
    return config


@pytest.fixture
def door(
    jp_serverapp: ServerApp,
    http_server: object,
    jp_http_port: int,
    jp_base_url: str,
    jp_data_dir: Path,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Door]:
    """Return the door of a server that is up, and close it when done."""
    door = Door(
        jp_serverapp,
        f"http://127.0.0.1:{jp_http_port}{jp_base_url}crewai-hitl/",
        jp_serverapp.identity_provider.token,
        jp_data_dir,
    )
    jp_asyncio_loop.run_until_complete(door.open())
    yield door
    jp_asyncio_loop.run_until_complete(door.http.aclose())
    jp_asyncio_loop.run_until_complete(door.close())
