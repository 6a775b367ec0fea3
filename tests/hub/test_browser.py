"""A person with a browser: the hub's login, their inbox, an answer, a server that was culled."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.chromium import headless_chromium
from tests.hub.culled import Culled
from tests.hub.hub_process import HubProcess, Place
from tests.server.door import question

WAIT_MS = 30_000

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that nobody has logged in with."""
    # Narrow enough to show every card; a wider page shows one beside a list.
    context = browser.new_context(viewport={"width": 860, "height": 720})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Username:").fill(name)
    page.get_by_label("Password:").fill("any")
    page.get_by_role("button", name="Sign in").click()


def ask(place: Place, prompt: str) -> str:
    reply = httpx.post(f"{place.url}events", json=question(prompt=prompt), headers=place.headers)
    return str(reply.raise_for_status().json()["events"][0]["request_id"])


def card(page: Page, request_id: str, status: str = "pending") -> Locator:
    return page.locator(
        f"[data-testid='hitl-card'][data-request-id='{request_id}'][data-status='{status}']"
    )


def completion(place: Place, request_id: str) -> dict[str, Any]:
    reply = httpx.get(f"{place.url}requests/{request_id}", headers=place.headers)
    completing: dict[str, Any] = reply.raise_for_status().json()["completion"]
    return completing


def test_a_person_logs_in_by_the_shared_link_and_answers(
    hub: HubProcess, ada: Place, page: Page
) -> None:
    request_id = ask(ada, "Shall it be published?")
    page.goto(f"{hub.url}hub/user-redirect/crewai-hitl/")
    log_in(page, "ada")
    page.wait_for_url(ada.url)
    card(page, request_id).get_by_test_id("hitl-accept").click()
    expect(card(page, request_id)).to_have_count(0, timeout=WAIT_MS)
    completed = completion(ada, request_id)
    assert completed["decision"] == "approve"
    assert completed["answered_by"]["name"] == "ada"


def test_an_open_inbox_lives_through_a_stop_of_its_server(
    hub: HubProcess, culled: Culled, page: Page
) -> None:
    place = culled.place
    before = ask(place, "Asked before")
    page.goto(place.url)
    log_in(page, "linus")
    expect(card(page, before)).to_be_visible()
    hub.stop_server("linus")
    hub.start_server("linus")
    after = ask(place, "Asked after")
    # A hub forgets the login of a page with its server; it remembers the person, and asks nobody.
    page.get_by_role("button", name="Log in again").click()
    expect(card(page, after)).to_be_visible(timeout=WAIT_MS)
    expect(card(page, before)).to_be_visible()


def test_a_second_user_sees_the_hub_s_refusal_and_no_question(
    hub: HubProcess, ada: Place, page: Page
) -> None:
    request_id = ask(ada, "For Ada's eyes only")
    page.goto(ada.url)
    log_in(page, "bob")
    expect(page.get_by_text("403")).to_be_visible()
    expect(card(page, request_id)).to_have_count(0)


def test_the_inbox_can_be_put_on_a_home_screen_by_the_login_alone(ada: Place, page: Page) -> None:
    page.goto(ada.url)
    log_in(page, "ada")
    page.wait_for_url(ada.url)
    scope = page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)")
    assert scope == ada.url
    manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert (manifest["errors"], bool(manifest["data"])) == ([], True)
