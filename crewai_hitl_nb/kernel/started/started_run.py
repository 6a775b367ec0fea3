"""The run that ``hitl.start()`` returns: its caller can wait for it, inspect it and cancel it.

It uses ``runs/run.py``, which stops it, and the view that shows it. ``started/starter.py`` runs the
crew or the flow and records how it ended. It depends neither on the bridge nor on run events.
"""

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Literal, TypeAlias

from crewai_hitl_nb.client.interruptible import TICK_SECONDS, block_until_done
from crewai_hitl_nb.kernel.notebook import Bundle
from crewai_hitl_nb.kernel.runs.run import Run
from crewai_hitl_nb.protocol.arguments import Seconds, seconds_or_none
from crewai_hitl_nb.protocol.events import CancelReason
from crewai_hitl_nb.protocol.runs import RunCancelReason, RunKind
from crewai_hitl_nb.tracebacks import short_traceback, short_traceback_async

StartedState: TypeAlias = Literal["running", "waiting", "paused", "finished", "failed", "cancelled"]

_WITHDRAWALS: Mapping[RunCancelReason, CancelReason] = {
    "withdrawn": "withdrawn",
    "replaced": "withdrawn",
    "interrupted": "interrupted",
    "source_lost": "source_lost",
}
"""The reason for cancelling a run's question, for each reason to stop the run."""


class StartedRun:
    """A run of a crew or a flow in the background, while the notebook stays free.

    Attributes:
        execution_id: The id of the run, in crewAI and in the log; its questions have it too.
        name: The name of the crew or the flow.
        kind: Whether it is a crew or a flow.
    """

    def __init__(
        self,
        run: Run,
        execution_id: str,
        name: str,
        kind: RunKind,
        view: Callable[[], Bundle],
    ) -> None:
        self.execution_id = execution_id
        self.name = name
        self.kind = kind
        self.cell = run.cell
        self.cancelled_as: RunCancelReason | None = None
        self._run = run
        self._view = view
        self._lock = threading.Lock()
        self._ended_as: StartedState | None = None
        self._outcome: Future[Any] = Future()
        self._raised_at: TracebackType | None = None
        self._outcome.set_running_or_notify_cancel()  # so that a waiter cannot cancel it

    @property
    def state(self) -> StartedState:
        """The run's state: running, waiting (for a person), or how it ended."""
        if self._ended_as is not None:
            return self._ended_as
        return "waiting" if self._run.is_waiting else "running"

    @short_traceback
    def result(self, timeout: Seconds | None = None) -> Any:
        """Wait until the run has ended and return what ``kickoff()`` would have returned.

        Interrupting the wait does not stop the run, unless this is the cell where it began.

        Args:
            timeout: The longest wait, in seconds or as a ``timedelta``; None for no limit.

        Raises:
            TimeoutError: The run did not end within the timeout; it continues.
            NotAnswered: The run was cancelled, or one of its questions was not answered.
            Exception: The error that the crew or the flow raised.
        """
        timeout = seconds_or_none("timeout", timeout)
        block_until_done([self._outcome], seconds=timeout)
        if not self._outcome.done():
            raise TimeoutError(f"the run did not end within {timeout:g} s; it is still running")
        return self._taken()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    def cancel(self) -> bool:
        """Cancel the run: its question is withdrawn, and it ends at its next step.

        A model call in progress is completed first, in the background.

        Returns:
            Whether the run had not ended yet.
        """
        return self.stop("withdrawn")

    def stop(self, reason: RunCancelReason) -> bool:
        """Stop the run for a reason; otherwise the same as :meth:`cancel`."""
        with self._lock:
            if self._ended_as is not None:
                return False
            self.cancelled_as = self.cancelled_as or reason
        self._run.stop(_WITHDRAWALS[reason])
        return True

    def end(self, state: StartedState, result: Any, error: BaseException | None) -> None:
        """Record how the run ended; called once, by the code that runs it."""
        with self._lock:
            self._ended_as = state
        if error is None:
            self._outcome.set_result(result)
        else:
            self._raised_at = error.__traceback__
            self._outcome.set_exception(error)

    def _taken(self) -> Any:
        """Return the result; raise the error as the run raised it, however often it is taken."""
        error = self._outcome.exception()
        if error is not None:
            raise error.with_traceback(self._raised_at)
        return self._outcome.result()

    def when_ended(self) -> None:
        """Wait in a thread until the run has ended in any way."""
        wait([self._outcome])

    def __repr__(self) -> str:
        return f"<run of the {self.kind} {self.name!r}: {self.state}, {self.execution_id}>"

    def _repr_mimebundle_(self, **options: Any) -> Bundle:
        """Return the live view; it is empty in the cell where the run began, which shows it."""
        data, metadata = self._view()
        return {**data, "text/plain": repr(self)}, metadata

    @short_traceback_async
    async def _wait(self) -> Any:
        outcome = asyncio.wrap_future(self._outcome)
        # Wake up regularly: an idle loop does not notice the kernel's interrupt.
        while not (await asyncio.wait({outcome}, timeout=TICK_SECONDS))[0]:
            pass
        return self._taken()
