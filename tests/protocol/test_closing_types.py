"""Which events close a request is one fact: the table, the types and the database agree."""

import re
from typing import get_args

from crewai_hitl_nb.protocol.events import KNOWN_TYPES, ClosingEvent
from crewai_hitl_nb.protocol.export import export
from crewai_hitl_nb.protocol.state import CLOSING_TYPES, TRANSITIONS
from crewai_hitl_nb.store.sqlite.schema import MIGRATIONS


def test_every_type_that_closes_a_request_in_the_table_is_a_closing_event() -> None:
    assert {KNOWN_TYPES[name] for name in CLOSING_TYPES} == set(get_args(ClosingEvent))


def test_no_event_follows_one_that_closed_a_request() -> None:
    assert {before for before, _ in TRANSITIONS} == {None, "pending"}


def test_the_database_lets_each_type_that_closes_a_request_happen_once() -> None:
    index = re.search(r"INDEX one_end.*?;", MIGRATIONS[0], re.DOTALL)
    assert index is not None
    assert re.findall(r"'(\w+)'", index[0]) == list(CLOSING_TYPES)


def test_the_front_end_is_given_the_same_types() -> None:
    assert export()["constants"]["CLOSING_TYPES"] == list(CLOSING_TYPES)
