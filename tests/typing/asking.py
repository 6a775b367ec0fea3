"""What a type checker says of the public API: `make check` reads this, nothing runs it."""

from typing import Any

from pydantic import BaseModel
from typing_extensions import assert_type

import crewai_hitl_nb as hitl


class Booking(BaseModel):
    """A form."""

    guests: int


async def an_answer_has_the_type_that_was_asked_for(booking: dict[str, object]) -> None:
    """Text, an option, several, a model, a dict of values."""
    assert_type(hitl.ask("Which?", timeout=60), str)
    assert_type(hitl.ask("Which?", options=[1, 2], assignee="ada"), int)
    assert_type(hitl.ask("Which?", options=["a", "b"], multiple=True), list[str])
    assert_type(hitl.ask("Which?", schema=Booking), Booking)
    assert_type(hitl.ask("Which?", schema=booking, default={"guests": 2}), dict[str, Any])
    assert_type(hitl.ask("Which?", rows=[{"id": 1}]), list[hitl.RowDecision])
    assert_type(await hitl.ask_async("Which?"), str)
    assert_type(await hitl.ask_async("Which?", schema=Booking), Booking)
