"""People without an account, whom Jupyter calls "Anonymous Metis", can give their name once."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox, inbox_page
from tests.e2e.lab import LOAD_MS, Lab
from tests.e2e.test_panel import OpenShell, card_in, notebook_with_card, open_shell, panel_of
from tests.jupyter_process import JupyterProcess, jupyter_process

__all__ = ["open_shell"]

OFFER = "hitl-name-offer"


def give(where: InboxPage | Lab, name: str) -> None:
    """Give a name in the one place that offers it."""
    where.page.get_by_test_id("hitl-give-name").click(timeout=CARD_MS)
    expect(where.page.get_by_test_id("hitl-name")).to_be_focused()
    where.page.keyboard.type(name)
    where.page.keyboard.press("Enter")
    expect(where.page.get_by_test_id("hitl-named")).to_have_text(f"Answering as {name}")


def accept(desk: Desk, inbox: InboxPage, request_id: str) -> str:
    """Accept on a page, and return the name beside the answer."""
    inbox.hold_decisions(0)
    card = inbox.card(request_id)
    card.get_by_test_id("hitl-accept").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    return str(desk.request(request_id)["completion"]["answered_by"]["name"])


def identity_seen_by(page: Page) -> str:
    """Load the page anew, and return the name that the server gives once the page has seen it."""
    address = page.url
    page.goto("about:blank")  # ends the calls of the page that was open
    with page.expect_response("**/api/me") as asked:
        page.goto(address)
    name = str(asked.value.json()["identity"]["display_name"])
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return name


def test_a_name_is_beside_the_next_answer_and_the_answers_before_it_keep_theirs(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    for request_id in ("before", "after", "later"):
        desk.ask(request_id)
    inbox = open_inbox()
    expect(inbox.hook(OFFER)).to_contain_text("Answering as Anonymous ", timeout=CARD_MS)
    assert accept(desk, inbox, "before").startswith("Anonymous ")
    give(inbox, "Ada Lovelace")
    assert accept(desk, inbox, "after") == "Ada Lovelace"
    before = desk.request("before")["completion"]["answered_by"]["name"]
    assert before.startswith("Anonymous ")
    assert identity_seen_by(inbox.page) == "Ada Lovelace"
    expect(inbox.card("later")).to_be_visible(timeout=CARD_MS)
    expect(inbox.hook(OFFER)).to_have_count(0)


def test_the_other_pages_of_the_browser_answer_with_the_new_name_as_well(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("elsewhere")
    inbox = open_inbox()
    other = InboxPage(inbox.page.context.new_page(), inbox.server).open()
    expect(other.hook(OFFER)).to_be_visible(timeout=CARD_MS)
    give(inbox, "Grace")
    expect(other.hook(OFFER)).to_have_count(0)
    assert accept(desk, other, "elsewhere") == "Grace"


def test_a_person_who_keeps_the_name_is_not_asked_again(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("kept")
    inbox = open_inbox()
    inbox.hook("hitl-give-name").click(timeout=CARD_MS)
    inbox.page.keyboard.press("Escape")
    expect(inbox.hook("hitl-give-name")).to_be_focused()
    expect(inbox.hook("hitl-name")).to_have_count(0)
    inbox.hook("hitl-keep-name").click()
    expect(inbox.hook(OFFER)).to_have_count(0)
    asked: list[str] = []
    inbox.page.on("request", lambda request: asked.append(request.url))
    inbox.page.reload()
    expect(inbox.hook("hitl-connection")).to_have_attribute("data-state", "live", timeout=CARD_MS)
    assert accept(desk, inbox, "kept").startswith("Anonymous ")
    assert not [url for url in asked if "api/me" in url]


def test_a_name_can_be_given_in_a_card_and_its_letters_do_not_reach_the_notebook(
    desk: Desk, open_shell: OpenShell, inbox_server: JupyterProcess
) -> None:
    desk.ask("in a cell", source={"notebook": str(inbox_server.root / "named.ipynb")})
    notebook_with_card(inbox_server, "named.ipynb", desk.request("in a cell"))
    lab = open_shell("lab/tree/named.ipynb")
    lab.await_kernel()
    lab.command("crewai-hitl:open-panel")
    expect(panel_of(lab).get_by_test_id(OFFER)).to_be_visible(timeout=LOAD_MS)
    panel_of(lab).get_by_test_id("hitl-notebook").click()
    card = card_in(lab.page.locator(".jp-Notebook"), "in a cell")
    expect(card).to_be_focused(timeout=CARD_MS)
    card.get_by_test_id("hitl-give-name").click(timeout=CARD_MS)
    expect(card.get_by_test_id("hitl-name")).to_be_focused()
    cells = lab.cells().count()
    lab.page.keyboard.type("dd xx")
    lab.page.keyboard.press("Enter")
    expect(card.get_by_test_id("hitl-named")).to_have_text("Answering as dd xx")
    expect(panel_of(lab).get_by_test_id(OFFER)).to_have_count(0)
    assert lab.cells().count() == cells
    card.get_by_test_id("hitl-accept").click()
    card.get_by_test_id("hitl-send-now").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert desk.request("in a cell")["completion"]["answered_by"]["name"] == "dd xx"


def test_the_cards_of_a_notebook_offer_it_once(
    desk: Desk, open_shell: OpenShell, inbox_server: JupyterProcess
) -> None:
    asked = ("first of two", "second of two")
    for name in asked:
        desk.ask(name, source={"notebook": str(inbox_server.root / "twice.ipynb")})
    notebook_with_card(inbox_server, "twice.ipynb", *map(desk.request, asked))
    lab = open_shell("lab/tree/twice.ipynb")
    lab.await_kernel()
    lab.command("crewai-hitl:open-panel")
    panel_of(lab).get_by_test_id("hitl-notebook").first.click()
    first, second = (card_in(lab.page.locator(".jp-Notebook"), name) for name in asked)
    expect(second).to_be_visible(timeout=CARD_MS)
    expect(first.get_by_test_id(OFFER)).to_be_visible(timeout=CARD_MS)
    expect(second.get_by_test_id(OFFER)).to_have_count(0)
    first.get_by_test_id("hitl-accept").click()
    first.get_by_test_id("hitl-send-now").click()
    expect(second.get_by_test_id(OFFER)).to_be_visible(timeout=CARD_MS)


def test_nothing_is_offered_where_the_server_keeps_no_other_name(
    browser: Browser, tmp_path: Path
) -> None:
    option = "--ServerApp.identity_provider_class=jupyter_server.auth.IdentityProvider"
    with jupyter_process(tmp_path, options=(option,)) as server:
        desk = Desk(server)
        desk.ask("accounts")
        with inbox_page(browser, server) as inbox:
            inbox.open()
            assert identity_seen_by(inbox.page).startswith("Anonymous ")
            expect(inbox.card("accounts")).to_be_visible(timeout=CARD_MS)
            expect(inbox.hook(OFFER)).to_have_count(0)
            inbox.page.goto("about:blank")
        desk.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_offer_breaks_no_rule_of_wcag_and_fits_a_phone(
    desk: Desk, open_inbox: OpenInbox, scheme: str
) -> None:
    desk.ask(f"ruled {scheme}")
    inbox = open_inbox(color_scheme=scheme, viewport={"width": 360, "height": 740})
    inbox.hook("hitl-give-name").click(timeout=CARD_MS)
    expect(inbox.hook("hitl-name")).to_be_visible()
    assert violations(inbox.page, "[data-testid='hitl-name-offer']") == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert inbox.page.evaluate(overflow) == 0
