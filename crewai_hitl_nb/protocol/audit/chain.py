"""The chain: a seal on every record of a log, so that a later change shows.

    digest = SHA-256(the event's JSON, byte for byte as it is stored and delivered)
    seal   = SHA-256(the seal before it + digest)

The first seal stands on a name made of the log's epoch, so no record can be moved to another
log. A store seals each record as it appends it, in the same commit; the last seal, the
**head**, speaks for everything before it. Whoever wrote a head down elsewhere can tell later
whether the log is still the one that it was then (``audit.py`` does).

Two hashes rather than one, so that of a pruned record its digest alone is enough to go on
with: what is kept stays bound to the head, whatever was dropped before it or between.

What a chain does not prove: whoever can write the log's file can seal a changed log anew
from one end to the other. Only a head that was kept out of their reach tells.
"""

import re
from hashlib import sha256
from typing import Final

import msgspec

_NAME: Final = b"crewai-hitl chain 1\n"
"""A later way to seal gets another name, and so other seals from the first record on."""

_WRITTEN: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class Head(msgspec.Struct, frozen=True):
    """A place in the chain: everything up to ``offset``, in one seal."""

    offset: int
    seal: bytes

    def __str__(self) -> str:
        """Return it as people keep it: ``42:9f86…``."""
        return f"{self.offset}:{self.seal.hex()}"

    @classmethod
    def from_text(cls, text: str) -> "Head":
        """Return the head that was written down.

        Raises:
            ValueError: It is none.
        """
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no head; it reads OFFSET:SEAL, as `audit` prints it")
        return cls(int(match[1]), bytes.fromhex(match[2]))


def start(epoch: str) -> Head:
    """Return where the chain of a log begins: before its first record."""
    return Head(0, sha256(_NAME + epoch.encode()).digest())


def digest(body: bytes) -> bytes:
    """Return what stands for an event in the chain."""
    return sha256(body).digest()


def seal(before: bytes, digest: bytes) -> bytes:
    """Return the seal of a record, given the seal before it and its digest."""
    return sha256(before + digest).digest()


def sealed(before: bytes, body: bytes) -> bytes:
    """Return the seal of an event, given the seal before it."""
    return sha256(before + sha256(body).digest()).digest()
