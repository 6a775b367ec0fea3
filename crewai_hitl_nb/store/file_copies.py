"""Copies the files of a log to another one: contents first, then the rows that need them.

A content that the source has lost, or that was altered there, cannot be copied; its rows are left
out, and the copy's result names it. Above is ``copying.py``.
"""

from crewai_hitl_nb.store.rows import storable
from crewai_hitl_nb.store.transfer import Row, TransferLog


def hashes(log: TransferLog) -> set[str]:
    """Return the hashes of a log's files."""
    return {_hash(row) for row in log.files()}


def fill(source: TransferLog, target: TransferLog) -> None:
    """Copy all files; a content that the target has is not copied again."""
    kept = set()
    for sha256 in sorted(hashes(source)):
        if target.content(sha256) is None:
            content = source.content(sha256)
            if content is None:
                continue
            target.add_content(sha256, content)
        kept.add(sha256)
    target.put_files([row for row in source.files() if _hash(row) in kept])


def difference(source: TransferLog, target: TransferLog) -> str | None:
    """Return the hash of a file that the target lacks, or None."""
    there = set(map(_comparable, target.files()))
    for row in source.files():
        if _comparable(row) not in there and source.content(_hash(row)) is not None:
            return _hash(row)
    for sha256 in hashes(target):
        if target.content(sha256) is None:
            return sha256
    return None


def _hash(row: Row) -> str:
    return str(row[1])


def _comparable(row: Row) -> Row:
    return (storable(row[0]), *row[1:4], storable(row[4]), bool(row[5]))
