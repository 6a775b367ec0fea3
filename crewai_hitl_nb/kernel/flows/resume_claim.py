"""The claim to resume one paused flow: held by one process at a time, used once per answer.

It consists of a lock file beside the flow's database, which the operating system releases when
its process dies, and a marker file for each answer that was used. The marker is needed because
crewAI stores a pause a second time when the paused run returns, and a quick answer may have been
used by then. ``public/resume_pending.py`` uses it; it uses crewAI's stores.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crewai.flow.persistence.base import FlowPersistence
from filelock import FileLock, Timeout

from crewai_hitl_nb.kernel.flows.stored_flow import database_of, waits_for


class Claim:
    """The claim to resume a flow with the answer to one question."""

    def __init__(self, store: FlowPersistence, flow_id: str, request_id: str, mark: Path) -> None:
        self._place = (store, flow_id, request_id)
        self._mark = mark

    @property
    def is_open(self) -> bool:
        """Whether the flow still waits for that answer."""
        return not self._mark.exists() and waits_for(*self._place)

    def close(self) -> bool:
        """Mark the answer as used if it was; return whether it was."""
        used = not waits_for(*self._place)
        if used:
            self._mark.touch()
        return used


def was_used(store: FlowPersistence, request_id: str) -> bool:
    """Say whether the answer to a question was used with this store; write nothing."""
    return (_folder(store) / f"{_name(request_id)}.resumed").exists()


@contextmanager
def claim(store: FlowPersistence, flow_id: str, request_id: str) -> Iterator[Claim | None]:
    """Hold the claim to resume a flow inside the block; None if another process holds it."""
    folder = _folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{_name(flow_id)}.lock", blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        yield None
        return
    try:
        yield Claim(store, flow_id, request_id, folder / f"{_name(request_id)}.resumed")
    finally:
        lock.release()


def _folder(store: FlowPersistence) -> Path:
    database = database_of(store)
    if database is not None:
        beside = Path(database)
        return beside.with_name(f"{beside.name}.hitl")
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "crewai-hitl" / "flows"


def _name(text: str) -> str:
    """Return a safe file name for an id, which may be any text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
