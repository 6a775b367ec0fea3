"""The chain: a seal on every record of a log, so that later changes are detected.

    digest = SHA-256(the event's JSON, byte for byte as it is stored and delivered)
    seal   = SHA-256(the seal before it + digest)

The first seal is derived from the log's epoch, so that no record can be moved to another log. A
store seals each record in the commit that appends it. The last seal, the **head**, covers
everything before it. With a head that was kept elsewhere, ``verification.py`` can tell whether
the log has changed since.

Two hashes rather than one, so that pruning can keep only a record's digest: the remaining records
stay bound to the head, whatever was pruned before or between them.

A chain does not protect against somebody who can write the log's file, because they can seal a
changed log again from the start. Only a head kept out of their reach detects that.
"""

import re
from hashlib import sha256
from typing import Final

import msgspec

_NAME: Final = b"crewai-hitl chain 1\n"
"""Version of the scheme; a later one gets another name, and so different seals from the start."""

_WRITTEN: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class Head(msgspec.Struct, frozen=True):
    """A position in the chain: one seal for everything up to ``offset``."""

    offset: int
    seal: bytes

    def __str__(self) -> str:
        """Return the text that people keep: ``42:9f86…``."""
        return f"{self.offset}:{self.seal.hex()}"

    @classmethod
    def from_text(cls, text: str) -> "Head":
        """Return a head from its text.

        Raises:
            ValueError: The text is not a head.
        """
        match = _WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a head; give OFFSET:SEAL, as `audit` prints it")
        return cls(int(match[1]), bytes.fromhex(match[2]))


def start(epoch: str) -> Head:
    """Return the start of a log's chain: the position before its first record."""
    return Head(0, sha256(_NAME + epoch.encode()).digest())


def digest(body: bytes) -> bytes:
    """Return an event's digest."""
    return sha256(body).digest()


def seal(before: bytes, digest: bytes) -> bytes:
    """Return the seal of a record, given the seal before it and its digest."""
    return sha256(before + digest).digest()


def sealed(before: bytes, body: bytes) -> bytes:
    """Return the seal of an event, given the seal before it."""
    return sha256(before + sha256(body).digest()).digest()
