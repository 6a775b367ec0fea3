"""How things are said: ids no longer than needed, ages in their largest unit, one line each."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.cli.wording import SHORTEST_ID, event_line, short_ids
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.terminal.wording import age, asker
from tests.events import NOON, completed, other, required


@given(st.sets(st.text("ab-", min_size=1, max_size=20)))
def test_a_short_id_is_the_beginning_of_its_own_id_and_of_no_other(ids: set[str]) -> None:
    shortened = short_ids(ids)
    assert shortened.keys() == ids
    for whole, short in shortened.items():
        assert len(short) >= min(SHORTEST_ID, len(whole))
        others = {other for other in ids if other.startswith(short)} - {whole}
        assert short == whole or not others


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(hours=3, minutes=50), "3 h"),
        (timedelta(days=2, hours=5), "2 d"),
    ],
)
def test_an_age_is_shown_in_its_largest_unit(passed: timedelta, said: str) -> None:
    assert age(NOON, NOON + passed) == said


def test_who_asks_is_named_by_name_then_by_id_then_not_at_all() -> None:
    named = required("r", crew_id="c-1", agent_id="a-1", source={"crew_name": "Notes"})
    assert asker(named) == "Notes / a-1"
    assert asker(required("r")) == "someone"


@pytest.mark.parametrize(
    ("event", "gist"),
    [
        (required("r-1", prompt="Two\nlines"), "asked      r-1  someone: Two lines"),
        (completed("r-1", "Shorter"), "answered   r-1  ada (api): respond Shorter"),
        (completed(None), "answered   ada (api): approve"),
        (other("weather_changed", execution_id="e-1"), "other      e-1  weather_changed"),
    ],
)
def test_an_event_is_one_line(event: Event, gist: str) -> None:
    line = "".join(part if isinstance(part, str) else part[0] for part in event_line(event))
    assert " ".join(line.split()[1:]) == " ".join(gist.split())
