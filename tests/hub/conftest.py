"""The hub that these tests share, configured by the page for operators, and people on it.

`ada` has the server that most tests use, `team` the one that others are let into; those of
`linus` are stopped and started again.
"""

import re
from collections.abc import Iterator

import pytest

from tests.hub.culled import Culled
from tests.hub.hub_process import HubProcess, Place, hub_process
from tests.jupyter_process import REPOSITORY

PAGE = (REPOSITORY / "docs" / "jupyterhub.md").read_text()
BOT_TOKEN = "a-token-for-the-bot"

GROUP_TOKEN = "a-token-for-what-the-page-warns-of"

NAMESAKE_TOKEN = "a-token-for-a-service-named-like-a-person"

WARNED_OF = f"""
c.JupyterHub.services.append({{"name": "group-bot", "api_token": "{GROUP_TOKEN}"}})
c.JupyterHub.load_groups["crews"] = {{"users": ["team"]}}
c.JupyterHub.services.append({{"name": "team", "api_token": "{NAMESAKE_TOKEN}"}})
c.JupyterHub.load_roles.append(
    {{
        "name": "namesake",
        "services": ["team"],
        "scopes": ["access:servers!server=team/"],
    }}
)
c.JupyterHub.load_roles.append(
    {{"name": "group-bot", "services": ["group-bot"], "scopes": ["access:servers!group=crews"]}}
)
"""
SOON = """
c.HumanInputApp.heartbeat_seconds = 0.2
c.HumanInputApp.hub_check_seconds = 0.2
c.ServerApp.tornado_settings = {"ws_ping_interval": 200}
"""
"""What would otherwise take half a minute."""
LIGHT = """
c.ServerApp.jpserver_extensions = {
    name: False for name in ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp")
}
"""
"""No page but the inbox is opened here: a server starts in half the time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/hub/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(240))  # each test may be the first to start servers


def configuration(file: str) -> str:
    """Return what the page says that this file should hold."""
    blocks = re.findall(rf"^```python\n# {re.escape(file)}\n(.*?)^```", PAGE, re.M | re.S)
    assert blocks
    return "\n".join(["c = get_config()", *blocks])


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub as the page tells to configure it."""
    with hub_process(
        tmp_path_factory.mktemp("hub"),
        config=configuration("jupyterhub_config.py") + WARNED_OF,
        server_config=configuration("jupyter_server_config.py") + SOON + LIGHT,
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


@pytest.fixture(scope="session")
def culled(hub: HubProcess) -> Culled:
    """Linus's servers, stopped and started again."""
    return Culled(hub)
