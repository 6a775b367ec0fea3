"""A run of a crew or a flow: where it began, how to stop it, and how it works in a cell.

A notebook cell has a running event loop even if the cell contains no ``await``, and crewAI refuses
``crew.kickoff()`` there. While the patch is installed, a blocking entry point of crewAI that a
cell calls runs on a daemon thread, and the cell waits for it, interruptibly. On any other event
loop, blocking calls are left to crewAI, which refuses a crew: otherwise a web application would
stand still until a person answers. Asynchronous entry points stay on their loop, except for flows
that would block the kernel's loop (``runs/method_loop.py``). In every case the :class:`Run` knows
its cell, and an interrupt stops the run: its questions are withdrawn and it asks no others.

``session.py`` uses it; it uses crewAI's entry points and the notebook.
"""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

from crewai import Crew
from crewai.agents.agent_builder.base_agent_executor import BaseAgentExecutor
from crewai.flow.runtime import Flow

from crewai_hitl_nb.client.interruptible import (
    TICK_SECONDS,
    block_until_done,
    interrupt_of_the_program,
    loop_is_running,
)
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.kernel.runs.method_loop import blocks_its_loop, on_a_loop_of_its_own
from crewai_hitl_nb.protocol.events import CancelReason
from crewai_hitl_nb.tracebacks import short_traceback, short_traceback_async

STOP_SECONDS: Final = 1.0
"""How long an interrupted cell waits for its run to end cleanly before the cell ends anyway."""

BLOCKING: Final[dict[type, tuple[str, ...]]] = {
    Crew: ("kickoff", "train", "test", "replay"),
    Flow: ("kickoff", "resume"),
}
ASYNCHRONOUS: Final[dict[type, tuple[str, ...]]] = {
    Crew: ("kickoff_async", "akickoff", "kickoff_for_each_async", "akickoff_for_each"),
    Flow: ("kickoff_async", "akickoff", "resume_async"),
}

_T = TypeVar("_T")

_current: ContextVar["Run | None"] = ContextVar("crewai_hitl_run", default=None)
"""crewAI copies the context into its own threads, so every part of a run finds it."""


class Run:
    """One kickoff.

    Attributes:
        cell: The cell where it began; None outside a notebook.
        has_view: Whether a view of the run shows its questions, so that they need no cards.
        stopped: Why it must end; None while it may continue.
        begun_after: The interrupt that its caller was handling when it began. That interrupt is
            not meant for this run.
    """

    def __init__(self, cell: Cell | None, *, has_view: bool = False) -> None:
        self.cell = cell
        self.has_view = has_view
        self.stopped: CancelReason | None = None
        self.begun_after = interrupt_taken_here()
        self._on_stop: set[Callable[[CancelReason], None]] = set()
        self._lock = threading.Lock()

    @property
    def is_waiting(self) -> bool:
        """Whether it is waiting for a person now."""
        return bool(self._on_stop)

    def stop(self, reason: CancelReason) -> None:
        """Stop the run: withdraw its open questions and let it ask no others."""
        with self._lock:
            self.stopped = self.stopped or reason
            callbacks = list(self._on_stop)
        for callback in callbacks:
            callback(reason)

    @contextmanager
    def when_stopped(self, callback: Callable[[CancelReason], None]) -> Iterator[None]:
        """Call back when the run is stopped inside the block; at once if it already was."""
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


def interrupt_taken_here() -> BaseException | None:
    """Return the interrupt that the calling thread is handling; None on another thread."""
    is_main = threading.current_thread() is threading.main_thread()
    return interrupt_of_the_program() if is_main else None


def current_run() -> Run | None:
    """Return the run that the calling thread or task works for."""
    return _current.get()


def enter(run: Run) -> None:
    """Make the run the current one in the calling context."""
    _current.set(run)


class RunPatch:
    """Turns calls of crewAI's entry points into runs, and makes them work in a cell.

    Args:
        notebook: The notebook where runs begin; None outside a notebook.
        before: Called before each run.
    """

    def __init__(self, notebook: Notebook | None, before: Callable[[], None]) -> None:
        self._notebook = notebook
        self._before = before
        self._active = True
        self._patched: dict[tuple[type, str], tuple[Any, Any]] = {}
        for patch, entries in ((self._blocking, BLOCKING), (self._asynchronous, ASYNCHRONOUS)):
            for owner, names in entries.items():
                for name in names:
                    self._patch(owner, name, patch)

    def remove(self) -> None:
        """Put crewAI's own methods back."""
        self._active = False  # other code may have wrapped our method and still call it
        for (owner, name), (original, ours) in self._patched.items():
            if getattr(owner, name) is ours:
                setattr(owner, name, original)

    def after_fork(self) -> None:
        """Continue in a forked process, which is not a notebook."""
        self._notebook = None

    def block(self, call: Callable[[], _T]) -> _T:
        """Run a blocking call as a run, on a thread of its own if an event loop runs here."""
        with self._run() as run:
            return _on_a_thread(run, call) if loop_is_running() else call()

    async def await_(self, call: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine as a run."""
        with self._run() as run:
            try:
                return await call()
            except (asyncio.CancelledError, KeyboardInterrupt):
                # A worker thread may still be running: it must not ask any more.
                run.stop("interrupted")
                raise

    def _patch(self, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        ours = wrap(original)
        self._patched[owner, name] = (original, ours)
        setattr(owner, name, ours)

    def _blocking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @short_traceback
        @functools.wraps(original)
        def run_here_or_on_a_thread(this: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._active or isinstance(this, BaseAgentExecutor):  # an agent, also a Flow
                return original(this, *args, **kwargs)
            call = functools.partial(original, this, *args, **kwargs)
            if loop_is_running() and not self._is_a_cells():
                with self._run():
                    return call()
            return self.block(call)

        return run_here_or_on_a_thread

    def _asynchronous(
        self, original: Callable[..., Coroutine[Any, Any, Any]]
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        @short_traceback_async
        @functools.wraps(original)
        async def run_as_task(this: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._active or isinstance(this, BaseAgentExecutor):
                return await original(this, *args, **kwargs)
            call = functools.partial(original, this, *args, **kwargs)
            if self._on_kernel_loop() and blocks_its_loop(this):
                call = functools.partial(on_a_loop_of_its_own, call, TICK_SECONDS)
            return await self.await_(call)

        return run_as_task

    def _is_a_cells(self) -> bool:
        """Say whether this thread's loop may be blocked: it is a cell's, or that of its run."""
        in_a_run = self._notebook is not None and _current.get() is not None
        return in_a_run or self._on_kernel_loop()

    def _on_kernel_loop(self) -> bool:
        return self._notebook is not None and (
            threading.current_thread() is threading.main_thread()
        )

    @contextmanager
    def _run(self) -> Iterator[Run]:
        outer = _current.get()
        if outer is not None:  # a crew inside a flow, or a kickoff inside train()
            yield outer
            return
        self._before()
        run = Run(self._notebook.cell() if self._notebook is not None else None)
        token = _current.set(run)
        try:
            yield run
        except BaseException as error:
            # Nobody would use the answers to its other questions, now or later.
            by_hand = isinstance(error, KeyboardInterrupt | asyncio.CancelledError)
            run.stop("interrupted" if by_hand else "run_failed")
            raise
        finally:
            _current.reset(token)


def _on_a_thread(run: Run, call: Callable[[], _T]) -> _T:
    """Run a blocking call on a daemon thread and wait for it; an interrupt stops the run."""
    outcome: Future[_T] = Future()
    target = functools.partial(copy_context().run, _settle, outcome, call)
    threading.Thread(target=target, name="crewai-hitl-run", daemon=True).start()
    try:
        block_until_done([outcome])
    except (KeyboardInterrupt, asyncio.CancelledError):
        run.stop("interrupted")
        wait([outcome], timeout=STOP_SECONDS)
        raise
    return outcome.result()


def _settle(outcome: Future[Any], call: Callable[[], Any]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - any error is raised again in the waiting cell
        outcome.set_exception(error)
