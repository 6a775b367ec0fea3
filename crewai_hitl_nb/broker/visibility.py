"""Decides whether an event, given by its id, is in the scope of a limited key.

Above: ``scoped_broker`` and ``delivery/subscription``. To a limited caller an event outside the
scope does not exist, so no reply to an id that they send may reveal that it does.
"""

from typing import Final

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.protocol.events import RUN_STARTED, source_of
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store.base import KeyScope, Match, Store, is_full

_NAME_A_SOURCE: Final = frozenset({"human_input_required", RUN_STARTED})


async def offset_within(store: Store, key_scope: KeyScope | None, event_id: str) -> int | None:
    """Return the offset of an event if it is in scope; a scope of None has no limits."""
    offset = await store.offset_of(event_id)
    if offset is None or key_scope is None:
        return offset
    seen = await store.read(Match(within=key_scope), after=offset - 1, upto=offset, limit=1)
    return offset if seen else None


async def is_taken(store: Store, key_scope: KeyScope, event_id: str) -> bool:
    """Return whether an event outside the scope has this id."""
    in_log = await store.offset_of(event_id) is not None
    return in_log and await offset_within(store, key_scope, event_id) is None


async def is_named(store: Store, key_scope: KeyScope, source_id: str) -> bool:
    """Return whether a question or a run in scope names this process."""
    match, after = Match(within=key_scope, types=_NAME_A_SOURCE), 0
    while True:
        page = await store.read(match, after=after, upto=store.top, limit=limits.REPLAY_EVENTS)
        if any(source_of(decode_event(record.body)) == source_id for record in page):
            return True
        if not is_full(page, limits.REPLAY_EVENTS):
            return False
        after = page[-1].offset


def taken(what: str, name: str) -> Forbidden:
    """Return the error for an id that something outside the scope has."""
    return Forbidden(f"the {what} id `{name}` is taken; use one of your own")
