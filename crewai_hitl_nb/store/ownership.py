"""Decides whether a limited key may write an event, by the owners of its execution and crew.

Reading and writing differ. A key that may see the execution or the crew of an event may *read* it.
To *write* it, everything that it names must belong to the caller: naming one's own crew beside
another caller's execution does not help.

* An execution belongs to the crew under which it was first published. Published without a crew,
  it belongs to no crew, and only a key for that execution (or one without limits) writes to it.
* A crew belongs to the execution under which it was first published. A key for that execution may
  continue to name it, as may a key for an execution that was already published under it.
* An execution or a crew that the log has never held is free: the first to publish it owns it.

The log shows who was first. Pruning leaves a document (``metadata.py``) for each owner whose first
event it drops, so a flood of events that pushes the first one out frees nothing. The document is
deleted when no event of the owner is kept and all are older than the age that pruning keeps.

The decision is made inside the transaction that would write the event. Above are the stores.
"""

from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputClaimed,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.store.base import KeyScope

Scope: TypeAlias = Literal["execution_id", "crew_id"]
SCOPES: Final[tuple[tuple[Scope, Scope], ...]] = (
    ("execution_id", "crew_id"),
    ("crew_id", "execution_id"),
)
"""Each field with the other one, which owns it."""

NOTE: Final = "first:"
"""Prefix of the names of the documents that pruning leaves."""


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """How an execution (or a crew) was first published.

    Attributes:
        owner: The crew (or execution) that its first event names; None if it names none.
        last: Unix time of its last event, as far as that is needed to forget it.
    """

    owner: str | None
    last: float = 0.0


class Owners(Protocol):
    """The owners that the log records at the moment when an event would be appended."""

    def origin(self, scope: Scope, name: str) -> Origin | None:
        """Return how an execution or a crew was first published; None if it never was."""

    def published_together(self, execution_id: str, crew_id: str) -> bool:
        """Return whether an event of this execution names this crew."""

    def asked(self, request_id: str) -> HumanInputRequired | None:
        """Return the question of a request."""


def note_name(scope: Scope, name: str) -> str:
    """Return the name of the document that replaces a first event."""
    return f"{NOTE}{scope}:{name}"


def check(key_scope: KeyScope, event: Event, log: Owners) -> None:
    """Check that a key with this scope may write an event.

    An answer or a claim is allowed by its question: the caller who published that asked the people
    of its crew.

    Raises:
        Forbidden: It names an execution or a crew that belongs to another caller.
    """
    names = _Names(event.execution_id, event.crew_id)
    if isinstance(event, HumanInputCompleted | HumanInputClaimed) and event.request_id is not None:
        asked = log.asked(event.request_id)
        if asked is not None and names == _Names(asked.execution_id, asked.crew_id):
            return
    execution, crew = names
    if execution is not None and execution not in key_scope.executions:
        _check_execution(key_scope, execution, crew, log)
    if crew is not None and crew not in key_scope.crews:
        _check_crew(key_scope, execution, crew, log)


class _Names(NamedTuple):
    execution_id: str | None
    crew_id: str | None


def _check_execution(key_scope: KeyScope, execution: str, crew: str | None, log: Owners) -> None:
    origin = log.origin("execution_id", execution)
    if crew in key_scope.crews and (origin is None or origin.owner in key_scope.crews):
        return
    raise Forbidden(
        f"execution `{execution}` was not first published under a crew of this key, which "
        f"publishes only for {key_scope.describe()}; use a key that was made for that execution"
    )


def _check_crew(key_scope: KeyScope, execution: str | None, crew: str, log: Owners) -> None:
    origin = log.origin("crew_id", crew)
    if execution is not None and execution in key_scope.executions:
        if origin is None or origin.owner in key_scope.executions:
            return
        if log.published_together(execution, crew):
            return
    raise Forbidden(
        f"crew `{crew}` was first published under another execution, and this key publishes "
        f"only for {key_scope.describe()}; use a key that was made for that crew as well"
    )


def first_of(event: Event, scope: Scope, stored_at: float) -> Origin:
    """Return the origin that an event makes if it is the first of its execution or crew."""
    return Origin(event.crew_id if scope == "execution_id" else event.execution_id, stored_at)


def with_later(known: Origin | None, first: Origin) -> Origin:
    """Return the document for an origin whose events are dropped; the older one has the owner."""
    return first if known is None else Origin(known.owner, max(known.last, first.last))
