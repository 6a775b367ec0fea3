"""One run of a crew: where it began, how it is stopped, and how it works in a cell.

A notebook cell has a running event loop even when it is a plain one, and crewAI refuses
``crew.kickoff()`` there. While installed, crewAI's blocking entry points move to a daemon
thread when a loop runs in the calling thread, and the cell waits for them, interruptibly;
the asynchronous ones stay where they are. Either way the :class:`Run` knows the cell, and
an interrupt stops the run: its questions are withdrawn and it asks no more.

Above it is ``session.py``; it knows crewAI's ``Crew`` and the notebook, not the server.
"""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Final

from crewai import Crew

from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.protocol.events import CancelReason

TICK_SECONDS: Final = 0.25
"""How long an idle wait may go without looking around: an interrupt shows within this."""

STOP_SECONDS: Final = 1.0
"""How long an interrupted cell waits for the run to end in order; it ends without it too."""

BLOCKING: Final = ("kickoff", "train", "test", "replay")
ASYNCHRONOUS: Final = ("kickoff_async", "akickoff")

_current: ContextVar["Run | None"] = ContextVar("crewai_hitl_run", default=None)
"""crewAI copies the context into its own threads, so every part of a run finds it."""


class Run:
    """One kickoff.

    Attributes:
        cell: The cell where it began; None outside a notebook.
        stopped: Why it is to end, if it is.
    """

    def __init__(self, cell: Cell | None) -> None:
        self.cell = cell
        self.stopped: CancelReason | None = None
        self._on_stop: set[Callable[[CancelReason], None]] = set()
        self._lock = threading.Lock()

    def stop(self, reason: CancelReason) -> None:
        """Withdraw what it asks now; it asks no more."""
        with self._lock:
            self.stopped = self.stopped or reason
            callbacks = list(self._on_stop)
        for callback in callbacks:
            callback(reason)

    @contextmanager
    def when_stopped(self, callback: Callable[[CancelReason], None]) -> Iterator[None]:
        """Call back when it is stopped inside the block, at once if it was before."""
        with self._lock:
            self._on_stop.add(callback)
            stopped = self.stopped
        if stopped is not None:
            callback(stopped)
        try:
            yield
        finally:
            with self._lock:
                self._on_stop.discard(callback)


def current_run() -> Run | None:
    """Return the run that the calling thread or task works for."""
    return _current.get()


class RunPatch:
    """Makes crewAI's entry points known as runs, and fit for a cell.

    Args:
        notebook: Where runs begin; None outside a notebook.
        before: Called before each run.
    """

    def __init__(self, notebook: Notebook | None, before: Callable[[], None]) -> None:
        self._notebook = notebook
        self._before = before
        self._active = True
        self._patched: dict[str, tuple[Any, Any]] = {}
        for name in BLOCKING:
            self._patch(name, self._blocking)
        for name in ASYNCHRONOUS:
            self._patch(name, self._asynchronous)

    def remove(self) -> None:
        """Put crewAI's own methods back."""
        self._active = False  # for whoever wrapped ours meanwhile and keeps calling it
        for name, (original, ours) in self._patched.items():
            if getattr(Crew, name) is ours:
                setattr(Crew, name, original)

    def _patch(self, name: str, wrap: Callable[[Any], Any]) -> None:
        original = getattr(Crew, name)
        ours = wrap(original)
        self._patched[name] = (original, ours)
        setattr(Crew, name, ours)

    def _blocking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def run_here_or_on_a_thread(*args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return original(*args, **kwargs)
            with self._run() as run:
                if not _loop_is_running():
                    return original(*args, **kwargs)
                return _on_a_thread(run, functools.partial(original, *args, **kwargs))

        return run_here_or_on_a_thread

    def _asynchronous(
        self, original: Callable[..., Coroutine[Any, Any, Any]]
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        @functools.wraps(original)
        async def run_as_task(*args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return await original(*args, **kwargs)
            with self._run() as run:
                try:
                    return await original(*args, **kwargs)
                except (asyncio.CancelledError, KeyboardInterrupt):
                    # kickoff_async leaves its worker thread behind: it must not go on asking.
                    run.stop("interrupted")
                    raise

        return run_as_task

    @contextmanager
    def _run(self) -> Iterator[Run]:
        outer = _current.get()
        if outer is not None:  # a crew inside a crew, or a kickoff inside train()
            yield outer
            return
        self._before()
        run = Run(self._notebook.cell() if self._notebook is not None else None)
        token = _current.set(run)
        try:
            yield run
        finally:
            _current.reset(token)


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _on_a_thread(run: Run, call: Callable[[], Any]) -> Any:
    """Run a blocking call on a daemon thread and wait for it; an interrupt stops the run."""
    outcome: Future[Any] = Future()
    target = functools.partial(copy_context().run, _settle, outcome, call)
    threading.Thread(target=target, name="crewai-hitl-run", daemon=True).start()
    task = asyncio.current_task()
    cancelled_before = _cancellations(task)
    try:
        while not wait([outcome], timeout=TICK_SECONDS).done:
            if _cancellations(task) > cancelled_before:
                # In a script asyncio.run() turns Ctrl-C into this, and only an await sees it.
                raise asyncio.CancelledError
    except (KeyboardInterrupt, asyncio.CancelledError):
        run.stop("interrupted")
        wait([outcome], timeout=STOP_SECONDS)
        raise
    return outcome.result()


def _cancellations(task: "asyncio.Task[Any] | None") -> int:
    """Return how often a task was asked to end (known from Python 3.11 on, as is the need)."""
    count: Callable[[], int] | None = getattr(task, "cancelling", None)
    return count() if count is not None else 0


def _settle(outcome: Future[Any], call: Callable[[], Any]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - carried over to the waiting cell, whatever it is
        outcome.set_exception(error)
