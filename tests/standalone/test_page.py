"""The inbox page of a standalone server."""

import httpx

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.conftest import KEY


def test_the_page_and_what_installs_it_stand_at_the_root(http: httpx.Client) -> None:
    page = http.get("")
    assert page.status_code == 200
    assert 'data-prefix="/"' in page.text
    assert 'data-notebooks=""' in page.text
    manifest = http.get("manifest.webmanifest").json()
    assert manifest["scope"] == "/"
    assert [http.get(icon["src"]).status_code for icon in manifest["icons"]] == [200, 200, 200]
    assert http.get("service-worker.js").status_code == 200


def test_a_link_with_the_key_lets_the_browser_fetch_the_rest(server: HumanInputServer) -> None:
    with httpx.Client(base_url=server.url) as browser:
        assert browser.get("service-worker.js").status_code == 401
        assert browser.get("", params={"token": KEY}).status_code == 200
        assert browser.get("service-worker.js").status_code == 200
