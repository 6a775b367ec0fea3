"""The page on a phone's home screen, and how it calls somebody back."""

import json
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.inbox import CARD_MS, Desk, OpenInbox
from tests.jupyter_process import JupyterProcess

LOOKING_ELSEWHERE = "document.hasFocus = () => false;"

_NOTIFICATIONS = """async () => {
  const worker = await navigator.serviceWorker.ready;
  return (await worker.getNotifications()).map(({ title, body, data }) => ({ title, body, data }));
}"""

_WATCH_NOTIFICATIONS = """() => {
  window.notified = 0;
  const { prototype } = ServiceWorkerRegistration;
  const show = prototype.showNotification;
  prototype.showNotification = async function (...words) {
    await show.apply(this, words);
    window.notified += 1;
  };
}"""
"""Count what is shown, once it is: whoever asks Chromium which notifications there are makes it
forget one that is about to be shown."""


def await_notification(page: Page) -> None:
    """Wait until one notification is shown."""
    page.wait_for_function("() => window.notified > 0", polling=50)  # a hidden page has no frames


def await_worker(page: Page) -> None:
    """Wait until the service worker runs the page.

    By a function: an expression is evaluated at each look, which the page's policy refuses from
    the second one on.
    """
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


def test_the_browser_finds_nothing_that_keeps_the_page_from_being_installed(
    open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    inbox = open_inbox()
    await_worker(inbox.page)
    devtools = inbox.page.context.new_cdp_session(inbox.page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    said = json.loads(manifest["data"])
    assert said["start_url"] == said["scope"] == "/crewai-hitl/"
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Playwright's contexts are incognito windows, which install nothing.
    assert {error["errorId"] for error in errors} <= {"in-incognito"}
    scope = inbox.page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)")
    assert scope == inbox_server.prefix


def test_without_the_server_the_installed_page_says_so_keeps_nothing_and_comes_back(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    desk.ask("a secret", prompt="The password is swordfish, yes?")
    inbox = open_inbox()
    await_worker(inbox.page)
    expect(inbox.card("a secret")).to_be_visible(timeout=CARD_MS)
    inbox.page.goto(inbox_server.prefix)
    expect(inbox.card("a secret")).to_be_visible(timeout=CARD_MS)
    inbox_server.kill()
    inbox.page.goto(inbox_server.prefix)
    expect(inbox.page.get_by_role("heading")).to_have_text("Not connected")
    assert "swordfish" not in inbox.page.content()
    assert inbox.page.evaluate("caches.keys()") == []
    inbox_server.start()
    expect(inbox.card("a secret")).to_be_visible(timeout=CARD_MS)


def test_a_notification_comes_only_when_asked_for_and_shows_no_word_of_the_question(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox(permissions=["notifications"])
    page = inbox.page
    await_worker(page)
    page.evaluate(LOOKING_ELSEWHERE)
    page.evaluate(_WATCH_NOTIFICATIONS)
    desk.ask("not called", prompt="The password is swordfish, yes?")
    expect(inbox.card("not called")).to_be_visible(timeout=CARD_MS)
    inbox.hook("hitl-open-settings").click()
    inbox.hook("hitl-set-notifications").check()
    page.keyboard.press("Escape")
    desk.ask("called", prompt="The password is swordfish, yes?")
    expect(inbox.card("called")).to_be_visible(timeout=CARD_MS)
    await_notification(page)
    shown: list[dict[str, Any]] = page.evaluate(_NOTIFICATIONS)
    assert shown == [
        {"title": "A crew is waiting for you", "body": "", "data": {"request": "called"}}
    ]


def test_in_quiet_hours_nobody_is_called(desk: Desk, open_inbox: OpenInbox) -> None:
    inbox = open_inbox(permissions=["notifications"])
    page = inbox.page
    await_worker(page)
    page.evaluate(LOOKING_ELSEWHERE)
    page.evaluate(_WATCH_NOTIFICATIONS)
    inbox.hook("hitl-open-settings").click()
    inbox.hook("hitl-set-notifications").check()
    inbox.hook("hitl-set-quiet").check()
    inbox.hook("hitl-set-quiet-from").fill("00:00")
    inbox.hook("hitl-set-quiet-to").fill("23:59")
    page.keyboard.press("Escape")
    page.clock.set_fixed_time("2026-11-22T12:00:00")
    desk.ask("in the quiet")
    expect(inbox.card("in the quiet")).to_be_visible(timeout=CARD_MS)
    page.clock.set_fixed_time("2026-11-22T23:59:30")
    desk.ask("after the quiet")
    await_notification(page)
    shown = page.evaluate(_NOTIFICATIONS)
    assert [one["data"] for one in shown] == [{"request": "after the quiet"}]


def test_what_was_set_outlives_the_page(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.hook("hitl-open-settings").click()
    inbox.hook("hitl-set-undo").fill("10")
    inbox.hook("hitl-set-quiet").check()
    inbox.page.reload()
    inbox.hook("hitl-open-settings").click()
    expect(inbox.hook("hitl-set-undo")).to_have_value("10")
    expect(inbox.hook("hitl-set-quiet")).to_be_checked()
