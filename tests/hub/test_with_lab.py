"""A person who may only answer reaches nothing else, with JupyterLab on: it asks no authorizer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.hub.browser_login import logged_in
from tests.hub.conftest import BOT_TOKEN, SOON, configuration
from tests.hub.doors import ask
from tests.hub.hub_process import HubProcess, Place, hub_process
from tests.server.door import client

pytestmark = pytest.mark.asyncio

# Not lab/api/licenses/: it breaks off when it should say a refusal, and never replies.
LAB = [
    ("GET", "lab"),
    ("GET", "lab/tree/x.ipynb"),
    ("GET", "lab/workspaces/default"),
    ("GET", "lab/api/extensions"),
    ("POST", "lab/api/extensions"),
    ("GET", "lab/api/listings/blocked_extensions.json"),
    ("GET", "lab/api/settings/"),
    ("PUT", "lab/api/settings/@jupyterlab/apputils-extension:themes"),
    ("GET", "lab/api/workspaces/"),
    ("PUT", "lab/api/workspaces/x"),
    ("DELETE", "lab/api/workspaces/x"),
    ("GET", "lab/api/themes/x/index.css"),
    ("GET", "lab/api/translations/"),
    ("GET", "lab/api/build"),
    ("POST", "lab/api/build"),
    ("DELETE", "lab/api/build"),
    ("GET", "lab/api/news"),
    ("GET", "lab/api/update"),
    ("POST", "lab/api/plugins"),
    ("GET", "lab/extensions/crewai-hitl-nb/package.json"),
    ("GET", "doc"),
    ("GET", "tree"),
    ("GET", "notebooks/x.ipynb"),
    ("GET", "consoles/x"),
    ("GET", "terminals/1"),
    ("GET", "lsp/status"),
]
JUPYTER = [
    ("GET", "api/contents"),
    ("PUT", "api/contents/x.ipynb"),
    ("GET", "api/kernels"),
    ("POST", "api/kernels"),
    ("POST", "api/sessions"),
    ("POST", "api/terminals"),
    ("GET", "api/kernelspecs"),
    ("GET", "api/config/notebook"),
    ("PATCH", "api/config/notebook"),
    ("GET", "api/nbconvert"),
    ("GET", "api/status"),
    ("GET", "api/me"),
    ("POST", "api/shutdown"),
    ("GET", "api/events/subscribe"),
    ("POST", "api/events"),
    ("POST", "api/security/csp-report"),
    ("GET", "files/x"),
    ("GET", "view/x"),
    ("GET", "nbconvert/html/x.ipynb"),
    ("GET", "metrics"),
    ("GET", "crewai-hitl/../lab/api/extensions"),
    ("GET", "crewai-hitl/%2e%2e/lab/api/extensions"),
    ("GET", "/lab/api/extensions"),
]
OPEN_TO_ALL = {"POST api/security/csp-report"}
"""Jupyter's own, for who is not logged in; it only writes a line."""


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub as the page tells to configure it, with all extensions on."""
    with hub_process(
        tmp_path_factory.mktemp("hub"),
        config=configuration("jupyterhub_config.py"),
        server_config=configuration("jupyter_server_config.py") + SOON,
        env={"BOT_TOKEN": BOT_TOKEN},
    ) as hub:
        yield hub


@pytest.fixture(scope="module")
def team(labs: HubProcess) -> Place:
    """The shared account's server, running."""
    return labs.start_server("team")


async def test_the_owner_uses_the_lab(team: Place) -> None:
    async with httpx.AsyncClient(headers=team.headers, base_url=team.server_url) as http:
        for path in ("lab", "lab/api/extensions", "lab/api/settings/", "api/contents"):
            assert (await http.get(path, timeout=60)).status_code == 200, path


@pytest.mark.parametrize("who", ["a person", "a service"])
async def test_who_may_only_answer_opens_nothing_of_the_lab(
    labs: HubProcess, team: Place, who: str
) -> None:
    token = BOT_TOKEN
    if who == "a person":
        token = labs.token("grace", "access:servers!server=team/")
    other = Place(team.server_url, token, team.home)
    request_id = await ask(team)
    async with client(other) as http:
        opened = set()
        for method, path in LAB + JUPYTER:
            address = f"{team.server_url}{path}"
            reply = await http.request(method, address, json={"cmd": "install"})
            if reply.status_code not in (403, 404, 405):
                opened.add(f"{method} {path}")
            if path.startswith("lab"):
                assert reply.status_code == 403, f"{method} {path}: {reply.status_code}"
        assert opened <= OPEN_TO_ALL
        assert (await http.get("")).status_code == 200
        static = f"{team.server_url}static/crewai_hitl_nb/inbox.js"
        assert (await http.get(static)).status_code == 200
        body = {"human_feedback": "No", "decision": "respond"}
        assert (await http.post(f"requests/{request_id}/answer", json=body)).status_code == 200


async def test_who_may_only_answer_opens_nothing_by_cookie(labs: HubProcess, team: Place) -> None:
    with logged_in(labs, "ada", "user/team/crewai-hitl/") as http:
        page = http.get(f"{team.server_url}lab", headers={"Sec-Fetch-Mode": "navigate"})
        assert page.status_code != 200
