"""The inbox page with nothing to answer: a person can ask themselves a test question."""

from datetime import datetime, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, OpenInbox


@pytest.mark.parametrize("width", [360, 1100])
def test_a_test_question_comes_back_as_a_card_and_its_answer_shows_that_it_works(
    desk: Desk, open_inbox: OpenInbox, width: int
) -> None:
    inbox = open_inbox(viewport={"width": width, "height": 740})
    ask = inbox.hook("hitl-test-question")
    expect(ask).to_be_visible(timeout=CARD_MS)
    assert violations(inbox.page) == []
    ask.click()
    expect(inbox.hook("hitl-card")).to_be_visible(timeout=CARD_MS)
    (request_id,) = desk.pending()
    assert desk.request(request_id)["expires_at"] is not None
    expect(ask).to_have_count(0)
    inbox.hold_decisions(0)
    inbox.card(request_id).get_by_test_id("hitl-accept").click()
    expect(inbox.hook("hitl-test-note")).to_contain_text("It works", timeout=CARD_MS)
    completion = desk.request(request_id)["completion"]
    assert (completion["decision"], completion["answered_by"]["via"]) == ("approve", "inbox")


def test_who_may_not_publish_is_told_so_and_nothing_is_asked(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    keys = tmp_path / "keys.json"
    _, key = Keyring(keys).add(
        "ada", ["read", "answer"], datetime(2026, 11, 22, tzinfo=timezone.utc)
    )
    with HumanInputServer(port=0, keys_file=keys) as server:
        page = browser.new_page()
        page.goto(f"{server.url}?token={key}")
        page.get_by_test_id("hitl-test-question").click()
        expect(page.get_by_test_id("hitl-test-trouble")).to_contain_text("permission to ask")
        expect(page.get_by_test_id("hitl-card")).to_have_count(0)
        page.close()
