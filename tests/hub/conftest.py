"""The hub that these tests share, configured by the page for operators, and people on it.

`ada` has the server that most tests use, `team` the one that others are let into. A test that
stops a server starts one of its own.
"""

import re
from collections.abc import Iterator

import pytest

from tests.hub.hub_process import HubProcess, Place, hub_process
from tests.jupyter_process import REPOSITORY

PAGE = (REPOSITORY / "docs" / "jupyterhub.md").read_text()
BOT_TOKEN = "a-token-for-the-bot"

SOON = """
c.HumanInputApp.heartbeat_seconds = 0.2
c.ServerApp.tornado_settings = {"ws_ping_interval": 200}
"""
"""What would otherwise take half a minute; the one thing here that the page does not say."""


def configuration(file: str) -> str:
    """Return what the page says that this file should hold."""
    blocks = re.findall(rf"^```python\n# {re.escape(file)}\n(.*?)^```", PAGE, re.M | re.S)
    assert blocks
    return "\n".join(blocks)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub as the page tells to configure it."""
    with hub_process(
        tmp_path_factory.mktemp("hub"),
        config=configuration("jupyterhub_config.py"),
        server_config="c = get_config()\n" + configuration("jupyter_server_config.py") + SOON,
        env={"BOT_TOKEN": BOT_TOKEN},
    ) as hub:
        yield hub


@pytest.fixture(scope="session")
def ada(hub: HubProcess) -> Place:
    """Ada's server, running."""
    return hub.start_server("ada")


@pytest.fixture(scope="session")
def team(hub: HubProcess) -> Place:
    """The shared account's server, running."""
    return hub.start_server("team")
