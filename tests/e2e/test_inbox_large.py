"""Large questions on the inbox page: their texts come when somebody gets to them."""

from playwright.sync_api import Locator, Request, Route, expect

from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox

MANY = 40
A_LINE_OR_TWO = 48
LARGE = "All of it. " + "w" * 100_000


def ask(desk: Desk, name: str, last: str = LARGE) -> None:
    """Ask many large questions; the last one may differ."""
    for number in range(MANY):
        desk.ask(f"{name}-{number}", context=last if number == MANY - 1 else LARGE)


def fetched(inbox: InboxPage) -> list[str]:
    """Return what the page will have asked for, one by one, as it does."""
    paths: list[str] = []

    def note(request: Request) -> None:
        if "/requests/large-" in request.url:
            paths.append(request.url.rpartition("/")[2])

    inbox.page.on("request", note)
    return paths


def test_the_page_fetches_what_is_in_sight_and_the_rest_when_one_gets_there(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    paths = fetched(inbox)
    ask(desk, "large")
    expect(inbox.hook("hitl-count")).to_have_text(str(MANY), timeout=CARD_MS)
    first, last = inbox.card("large-0"), inbox.card(f"large-{MANY - 1}")
    expect(first.get_by_test_id("hitl-context")).to_contain_text("All of it", timeout=CARD_MS)
    assert 0 < len(paths) < MANY / 2
    while last.count() == 0:
        inbox.page.mouse.wheel(0, 2000)
    last.scroll_into_view_if_needed()
    expect(last.get_by_test_id("hitl-context")).to_contain_text("All of it", timeout=CARD_MS)
    inbox.hold_decisions(0)
    last.get_by_test_id("hitl-accept").click()
    expect(last).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert len(paths) == len(set(paths))


def test_a_card_keeps_about_its_height_when_its_texts_come(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    card = inbox.card("measured")
    before: list[float] = []

    def measure(route: Route) -> None:
        before.append(height(card))
        route.continue_()

    inbox.page.route("**/requests/measured", measure)
    desk.ask("measured", context=LARGE)
    expect(card.get_by_test_id("hitl-show-all")).to_be_visible(timeout=CARD_MS)
    (loading,) = before
    assert abs(height(card) - loading) < A_LINE_OR_TWO


def height(card: Locator) -> float:
    box = card.bounding_box()
    assert box is not None
    return box["height"]


def test_a_text_that_does_not_come_can_be_tried_again_and_nothing_is_accepted_before(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.page.route("**/requests/large", lambda route: route.abort())
    desk.ask("large", context=LARGE)
    card = inbox.card("large")
    expect(card.get_by_test_id("hitl-not-loaded")).to_be_visible(timeout=CARD_MS)
    card.focus()
    inbox.page.keyboard.press("a")
    expect(card.get_by_test_id("hitl-accept")).to_have_count(0)
    inbox.page.unroute("**/requests/large")
    card.get_by_test_id("hitl-load-again").click()
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled(timeout=CARD_MS)
    assert desk.request("large")["status"] == "pending"


def test_a_search_finds_words_in_texts_that_the_page_does_not_have(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    ask(desk, "searched", last=f"{LARGE} the needle")
    inbox = open_inbox()
    expect(inbox.hook("hitl-count")).to_have_text(str(MANY), timeout=CARD_MS)
    inbox.hook("hitl-search").fill("needle")
    expect(inbox.hook("hitl-card")).to_have_count(1, timeout=CARD_MS)
    assert inbox.cards() == [f"searched-{MANY - 1}"]
    inbox.hook("hitl-search").fill("haystack")
    expect(inbox.hook("hitl-nothing-found")).to_be_visible(timeout=CARD_MS)
