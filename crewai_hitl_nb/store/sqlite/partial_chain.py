"""Verifies events by a chain with holes: each is proven, contradicted, or cannot be verified.

A record *follows* if the seal before it and its text make its own seal. That needs both seals:
without one of them the record is reported as unproven rather than guessed. If only a record's
seal was lost or damaged, it is computed again when the next record proves it. Pure; above is
``salvage.py``.
"""

from collections.abc import Mapping, Sequence

import msgspec

from crewai_hitl_nb.protocol.audit import chain


class Judgement(msgspec.Struct, frozen=True):
    """The records that do not follow.

    Attributes:
        contradicted: They do not follow from the record before: either they were changed, or that
            record or its seal was. It cannot be known which, so the one before is unproven.
        unproven: It cannot be known whether they are as they were sealed.
    """

    contradicted: Sequence[int]
    unproven: Sequence[int]


def judge(bodies: Mapping[int, bytes], seals: Mapping[int, bytes], epoch: str | None) -> Judgement:
    """Return which events the chain contradicts and which it cannot prove.

    Args:
        bodies: The events' texts, by offset.
        seals: By offset, also of records whose event is lost.
        epoch: The log's, with which the chain begins.
    """
    known = dict(seals)
    if epoch is not None:
        known[0] = chain.start(epoch).seal
    follows = {offset: _follows(bodies, known, offset) for offset in sorted(bodies)}
    contradicted = [o for o, holds in follows.items() if holds is False]
    left_out = set(contradicted)
    unproven = [
        offset
        for offset, holds in follows.items()
        if offset not in left_out and (not holds or follows.get(offset + 1) is False)
    ]
    return Judgement(contradicted, unproven)


def _follows(bodies: Mapping[int, bytes], known: dict[int, bytes], offset: int) -> bool | None:
    """Return whether a record follows from the seal before it; None if that cannot be known."""
    before, own = known.get(offset - 1), known.get(offset)
    if before is None:
        return None
    made = chain.sealed(before, bodies[offset])
    if made == own:
        return True
    following = bodies.get(offset + 1)
    if following is not None and chain.sealed(made, following) == known.get(offset + 1):
        known[offset] = made  # its seal was lost or damaged, and the event was not
        return True
    return None if own is None else False
