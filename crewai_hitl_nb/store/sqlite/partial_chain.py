"""What a chain with holes says of each event: that it was sealed so, that it was not, or nothing.

A record *follows* when the seal before it and its text make its own seal. That needs both seals:
where one is lost nothing can be told, and that is said rather than guessed. A seal that was lost
or damaged alone is made again where the next record proves it. Pure; above is ``salvage.py``.
"""

from collections.abc import Mapping, Sequence

import msgspec

from crewai_hitl_nb.protocol.audit import chain


class Judgement(msgspec.Struct, frozen=True):
    """What became of the records that do not follow.

    Attributes:
        contradicted: They do not follow from the record before: they were changed, or that one or
            its seal was. Which of the two, nothing tells; so the one before is unproven.
        unproven: Nothing tells whether they are what was sealed.
    """

    contradicted: Sequence[int]
    unproven: Sequence[int]


def judge(bodies: Mapping[int, bytes], seals: Mapping[int, bytes], epoch: str | None) -> Judgement:
    """Return what the chain says of the events.

    Args:
        bodies: Of the events, by offset.
        seals: By offset, also of records whose event is lost.
        epoch: The log's, on which the chain begins.
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
    """Say whether a record follows from the seal before it; None when that cannot be told."""
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
