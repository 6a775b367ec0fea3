"""Asks a question and waits until it ends, from a thread or from an event loop.

Every question to a human in this process goes through this module. It uses the bridge, the
notebook and crewAI's event bus; the providers use it (``tasks/human_input.py``). The rule: it
returns only a person's answer, or the default that the question names. Every other outcome
raises :class:`NotAnswered`, which ends a crew cleanly and never counts as approval.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec
from crewai.hooks import HookAborted

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.client.interruptible import (
    TICK_SECONDS,
    block_until_done,
    interrupt_of_the_program,
    noticing_interrupts,
)
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.kernel.bridge.pending import PendingRequest
from crewai_hitl_nb.kernel.crewai_events import emit_completed, emit_required
from crewai_hitl_nb.kernel.files import Download, File
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.kernel.questions.question import Waiter
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.kernel.runs.run import current_run, interrupt_taken_here
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.files import FileReference
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

SOURCE: Final = "crewai_hitl_nb"
"""The bridge's name where crewAI shows what ended a run."""

WAITS: Final = (
    "A crew that asks a question waits until the server is available: start it, or name another "
    "one (url= and token=, or CREWAI_HITL_URL and CREWAI_HITL_TOKEN)"
)

Ending: TypeAlias = Literal["cancelled", "expired", "refused"]


class NotAnswered(HookAborted):
    """No person answered, so nothing was approved.

    It is a subclass of crewAI's ``HookAborted``: it ends a crew cleanly, with its failure events
    and without running an agent again.

    Attributes:
        ending: ``cancelled`` (stopped, or nobody waits for the answer), ``expired`` (the deadline
            passed) or ``refused`` (the question could not be asked, or the answer decided
            nothing).
        cancelled_as: Why the question was cancelled; None if it was not.
    """

    def __init__(
        self, reason: str, ending: Ending, cancelled_as: CancelReason | None = None
    ) -> None:
        super().__init__(reason, SOURCE)
        self.ending: Ending = ending
        self.cancelled_as = cancelled_as


def print_notice(text: str) -> None:
    """Print a line on stderr for the person who runs this process."""
    if sys.stderr is not None:
        sys.stderr.write(f"crewai-hitl: {text.rstrip('.')}.\n")
        sys.stderr.flush()


class Screen(Protocol):
    """Shows a question to the person who runs this process."""

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Show the question, under the cell if there is one.

        Must return quickly. May be called on any thread.
        """
        ...

    def closed(self, request: HumanInputRequired, closing: ClosingEvent | None) -> None:
        """Show how the question ended; None if this process only stopped waiting for it."""
        ...


class Asker:
    """Asks through one bridge.

    Args:
        bridge: Carries the questions.
        notebook: The kernel whose event loop to wake while waiting; None outside a notebook.
        screen: Shows the questions in this process.
        waiter: Names this process in the questions.
        terms: How long a question may wait unless it says otherwise.
    """

    def __init__(
        self,
        bridge: Bridge,
        notebook: Notebook | None,
        screen: Screen,
        waiter: Waiter,
        terms: Terms,
    ) -> None:
        self.bridge = bridge
        self.waiter = waiter
        self.terms = terms
        self._notebook = notebook
        self._screen = screen
        self._waiting: dict[PendingRequest, tuple[Cell | None, BaseException | None]] = {}
        self._reported: str | None = None

    def ask(
        self, request: HumanInputRequired, emitter: Any, files: Mapping[str, File] | None = None
    ) -> HumanInputCompleted:
        """Ask and wait, in a thread.

        Args:
            request: The question.
            emitter: The crewAI object that asks, for the event bus.
            files: The files of its attachments, by their names there.

        Raises:
            NotAnswered: The question ended without an answer.
        """
        with noticing_interrupts() as noticed, self._asked(request, emitter, files) as pending:
            look = partial(self._look_around, pending)
            block_until_done([pending.outcome], look, interrupts=noticed)
            return self._answer(pending, emitter)

    async def ask_async(
        self, request: HumanInputRequired, emitter: Any, files: Mapping[str, File] | None = None
    ) -> HumanInputCompleted:
        """Ask and wait, on an event loop; the same as :meth:`ask`."""
        with self._asked(request, emitter, files) as pending:
            outcome = asyncio.wrap_future(pending.outcome)
            # Wake up regularly: an idle loop does not notice the kernel's interrupt.
            while not (await asyncio.wait({outcome}, timeout=TICK_SECONDS))[0]:
                self._report_trouble()
                self._withdraw_if_interrupted(pending)
            return self._answer(pending, emitter)

    def prepared(
        self, request: HumanInputRequired, files: Mapping[str, File]
    ) -> HumanInputRequired:
        """Upload a question's files, and return it as :meth:`leave` may ask it.

        Raises:
            NotAnswered: The run was stopped meanwhile.
        """
        if not files:
            return request
        run, uploaded = current_run(), self.bridge.prepare(request, files)

        def look() -> None:
            if run is not None:
                raise_if_stopped(run.stopped)
            self._report_trouble()

        try:
            block_until_done([uploaded], look)
        except BaseException:
            uploaded.cancel()
            raise
        return uploaded.result()

    def leave(self, request: HumanInputRequired, emitter: Any) -> None:
        """Ask without waiting for the answer: return as soon as the server has the question.

        Raises:
            NotAnswered: It could not be asked, or the run was stopped before it was.
        """
        with noticing_interrupts() as noticed, self._asked(request, emitter) as pending:
            look = partial(self._look_around, pending)
            block_until_done([pending.posted, pending.outcome], look, interrupts=noticed)
            if not pending.posted.done():
                self._answer(pending, emitter)
            self.bridge.let_go(pending)

    def download(self, request_id: str) -> Download:
        """Return what fetches the files of a question's answer, also after this asker has ended."""
        endpoint = self.bridge.endpoint

        def download(file: FileReference) -> bytes:
            with Client(endpoint.url, endpoint.token) as client:
                return client.download(request_id, file.sha256)

        return download

    def withdraw_asked_in(self, cell_message_id: str) -> None:
        """Withdraw the questions that a cell asked, because the cell was interrupted."""
        for pending, (cell, _) in list(self._waiting.items()):
            if cell is not None and cell.message_id == cell_message_id:
                self.bridge.withdraw(pending, "interrupted")

    def withdraw_asked_for(self, task_id: str | None, agent_id: str | None) -> None:
        """Withdraw an agent's questions in a task, because another question ended its run."""
        for pending in list(self._waiting):
            request = pending.request
            if task_id and agent_id and (request.task_id, request.agent_id) == (task_id, agent_id):
                self.bridge.withdraw(pending, "run_failed")

    def withdraw_all(self) -> None:
        """Withdraw all questions, because this process ends."""
        for pending in list(self._waiting):
            self.bridge.withdraw(pending, "source_lost")

    @contextmanager
    def _asked(
        self, request: HumanInputRequired, emitter: Any, files: Mapping[str, File] | None = None
    ) -> Iterator[PendingRequest]:
        run = current_run()
        if run is not None:
            raise_if_stopped(run.stopped)
        cell = run.cell if run is not None else self._cell()
        request = _asked_in(cell, request)
        pending = self.bridge.open(request, files)
        taken = run.begun_after if run is not None else interrupt_taken_here()
        self._waiting[pending] = (cell, taken)
        try:
            stopping = run.when_stopped(self._withdrawing(pending)) if run else nullcontext()
            with stopping, asking_a_person():
                self.bridge.head_start(pending)
                if run is None or not run.has_view:
                    self._show(request, cell)
                emit_required(emitter, request)
                yield pending
        except BaseException as error:
            # Always withdraw it on the server; that does nothing if the question has ended.
            self.bridge.withdraw(pending, _reason(error))
            raise
        finally:
            del self._waiting[pending]
            self._close(pending)

    def _look_around(self, pending: PendingRequest) -> None:
        if self._notebook is not None:
            self._notebook.wake()
        self._report_trouble()
        self._withdraw_if_interrupted(pending)

    def report_trouble(self, seconds: float) -> bool:
        """Wait for the first attempt to connect, and print why it failed if it did.

        Returns:
            Whether the server was reached.
        """
        self.bridge.await_first_attempt(seconds)
        self._report_trouble()
        return self.bridge.is_live

    def _report_trouble(self) -> None:
        """Print once why questions cannot reach the server: the waiting person cannot see it."""
        trouble = self.bridge.trouble
        if trouble is not None and trouble != self._reported:
            print_notice(f"{trouble}. {WAITS}")
        self._reported = trouble

    def _withdraw_if_interrupted(self, pending: PendingRequest) -> None:
        """Withdraw a thread's question if the program or its cell is being interrupted."""
        cell, taken_before = self._waiting[pending]
        interrupt = interrupt_of_the_program()
        if interrupt is None or interrupt is taken_before:
            return
        if self._notebook is None or (cell is not None and self._notebook.is_running(cell)):
            self.bridge.withdraw(pending, "interrupted")

    def _cell(self) -> Cell | None:
        return self._notebook.cell() if self._notebook is not None else None

    def _withdrawing(self, pending: PendingRequest) -> Any:
        return lambda reason: self.bridge.withdraw(pending, reason)

    def _show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        try:
            self._screen.show(request, cell)
        except Exception:  # noqa: BLE001 - without a card the question is still in the inbox
            _log.exception("request %s could not be shown here", request.request_id)

    def _close(self, pending: PendingRequest) -> None:
        outcome = pending.outcome
        is_known = outcome.done() and not outcome.cancelled() and outcome.exception() is None
        try:
            self._screen.closed(pending.request, outcome.result() if is_known else None)
        except Exception:  # noqa: BLE001 - the log has the answer even if it is not shown here
            _log.exception("the end of %s could not be shown here", pending.request.request_id)

    def _answer(self, pending: PendingRequest, emitter: Any) -> HumanInputCompleted:
        """Return the answer; raise NotAnswered for every other outcome."""
        try:
            closing = pending.outcome.result()
        except HitlError as refusal:
            raise NotAnswered(f"the question could not be asked: {refusal}", "refused") from refusal
        if isinstance(closing, HumanInputCompleted):
            emit_completed(emitter, closing)
            return closing
        if isinstance(closing, HumanInputCancelled):
            raise_if_stopped(closing.reason)
        raise NotAnswered("nobody answered before the deadline", "expired")


def is_the_default(answer: HumanInputCompleted) -> bool:
    """Say whether this is the question's default answer, given at its deadline by no person."""
    return answer.answered_by is not None and answer.answered_by.via == "default"


def _asked_in(cell: Cell | None, request: HumanInputRequired) -> HumanInputRequired:
    """Return the question with the cell that asks it."""
    if cell is None or cell.cell_id is None:
        return request
    source = msgspec.structs.replace(request.source, cell_id=cell.cell_id)
    return msgspec.structs.replace(request, source=source)


def raise_if_stopped(reason: CancelReason | None) -> None:
    """Raise if there is a reason to stop.

    Raises:
        NotAnswered: With the reason in its message.
    """
    if reason is not None:
        what = f"the request for human input was cancelled ({reason})"
        raise NotAnswered(what, "cancelled", reason)


def _reason(error: BaseException) -> CancelReason:
    """Return the reason for cancelling a question whose wait this error ended."""
    stopped_by_hand = (KeyboardInterrupt, asyncio.CancelledError, SystemExit, GeneratorExit)
    return "interrupted" if isinstance(error, stopped_by_hand) else "run_failed"
