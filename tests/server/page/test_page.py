"""The inbox page, its manifest and its service worker, as a browser fetches them."""

from typing import Any

import httpx
import pytest
from jupyter_server.serverapp import ServerApp

from tests.server.callers import OneRightLess, caller
from tests.server.door import Door

PARTS = ["", "insights", "manifest.webmanifest", "service-worker.js"]


@pytest.mark.parametrize("part", PARTS)
async def test_without_a_login_the_browser_is_sent_to_log_in(door: Door, part: str) -> None:
    async with caller(door, "nobody") as http:
        reply = await http.get(part)
    assert (reply.status_code, httpx.URL(reply.headers["Location"]).path[-5:]) == (302, "login")


@pytest.mark.parametrize(
    "host",
    [{"ServerApp": {"authorizer_class": OneRightLess}, "OneRightLess": {"taken": "read"}}],
    ids=["may not read"],
)
@pytest.mark.parametrize("part", PARTS)
async def test_who_may_not_read_gets_no_part_of_the_page(
    door: Door, part: str, host: dict[str, Any]
) -> None:
    assert (await door.http.get(part)).status_code == 403


@pytest.mark.parametrize("part", PARTS)
async def test_the_browser_fetches_each_part_with_its_cookie_alone(door: Door, part: str) -> None:
    async with caller(door, "cookie") as http:
        reply = await http.get(part)
    assert reply.status_code == 200


async def test_the_page_may_not_be_kept_and_the_worker_is_asked_for_again(door: Door) -> None:
    page, insights, worker = [
        await door.http.get(part) for part in ("", "insights", "service-worker.js")
    ]
    assert page.headers["Cache-Control"] == insights.headers["Cache-Control"] == "no-store"
    assert worker.headers["Cache-Control"] == "no-cache"
    assert worker.headers["Content-Type"].startswith("text/javascript")
    assert "caches" not in worker.text


async def test_the_manifest_names_this_server_and_icons_that_are_there(door: Door) -> None:
    reply = await door.http.get("manifest.webmanifest")
    assert reply.headers["Content-Type"] == "application/manifest+json"
    manifest = reply.json()
    assert manifest["start_url"] == manifest["scope"] == httpx.URL(door.url).raw_path.decode()
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    for icon in manifest["icons"]:
        picture = await door.http.get(httpx.URL(door.url).join(icon["src"]))
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")


async def test_the_page_knows_the_root_of_the_notebooks_and_who_opens_them(
    door: Door, jp_serverapp: ServerApp
) -> None:
    page = (await door.http.get("")).text
    assert f'data-root="{jp_serverapp.root_dir}"' in page
    assert 'data-notebooks=""' in page  # this server has neither JupyterLab nor Notebook
