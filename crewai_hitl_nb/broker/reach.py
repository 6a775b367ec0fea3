"""Whether an event of the log is in a limited caller's reach, told by its id alone.

Above: ``within`` and ``subscription``. For a limited caller an event out of reach does not
exist; an id that they send along must not tell otherwise.
"""

from crewai_hitl_nb.store.base import Match, Reach, Store


async def offset_within(store: Store, reach: Reach | None, event_id: str) -> int | None:
    """Return the place of an event as far as it is in reach; None reaches everything."""
    offset = await store.offset_of(event_id)
    if offset is None or reach is None:
        return offset
    seen = await store.read(Match(within=reach), after=offset - 1, upto=offset, limit=1)
    return offset if seen else None


async def is_taken(store: Store, reach: Reach, event_id: str) -> bool:
    """Say whether an event out of reach has this id."""
    in_log = await store.offset_of(event_id) is not None
    return in_log and await offset_within(store, reach, event_id) is None
