"""What ``hitl.start()`` returns: a run that goes on by itself, in the hands of its caller.

Below it are ``runs/run.py``, by which it is stopped, and the view that shows it; above it is
``started/starter.py``, which runs the crew or the flow and says how that ended. It knows neither
the bridge nor how a run is told of.
"""

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from typing import Any, Literal, TypeAlias

from crewai_hitl_nb.client.interruptible import TICK_SECONDS, block_until_done
from crewai_hitl_nb.kernel.runs.run import Run
from crewai_hitl_nb.protocol.arguments import Seconds, seconds_or_none
from crewai_hitl_nb.protocol.events import CancelReason
from crewai_hitl_nb.protocol.runs import RunCancelReason, RunKind

StartedState: TypeAlias = Literal["running", "waiting", "paused", "finished", "failed", "cancelled"]

_WITHDRAWALS: Mapping[RunCancelReason, CancelReason] = {
    "withdrawn": "withdrawn",
    "replaced": "withdrawn",
    "interrupted": "interrupted",
    "source_lost": "source_lost",
}
"""What is said of a run's question when the run is stopped."""


class StartedRun:
    """A run of a crew or a flow that goes on while the notebook is free.

    Attributes:
        execution_id: Names the run for crewAI and in the log, with all its questions.
        name: Of the crew or the flow.
        kind: Which of them.
    """

    def __init__(
        self,
        run: Run,
        execution_id: str,
        name: str,
        kind: RunKind,
        view: Callable[[], dict[str, Any]],
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
        self._outcome.set_running_or_notify_cancel()  # nobody who waits can cancel it

    @property
    def state(self) -> StartedState:
        """Where it stands: running, waiting (for a person), or how it ended."""
        if self._ended_as is not None:
            return self._ended_as
        return "waiting" if self._run.is_waiting else "running"

    def result(self, timeout: Seconds | None = None) -> Any:
        """Wait until it has ended and return what ``kickoff()`` would have returned.

        Interrupting the wait leaves the run alone, unless this is the cell where it began.

        Args:
            timeout: Seconds, or a ``timedelta``, to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: When it goes on beyond the timeout.
            NotAnswered: When it was cancelled, or a question of it was not answered.
            Exception: Whatever the crew or the flow raised.
        """
        timeout = seconds_or_none("timeout", timeout)
        block_until_done([self._outcome], seconds=timeout)
        if not self._outcome.done():
            raise TimeoutError(f"the run did not end within {timeout:g} s; it goes on")
        return self._outcome.result()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    def cancel(self) -> bool:
        """Stop it: its question is withdrawn, and it ends at its next step.

        A call of a model that is under way is waited for, in the background.

        Returns:
            Whether it was still going.
        """
        return self.stop("withdrawn")

    def stop(self, reason: RunCancelReason) -> bool:
        """Stop it for a reason; as :meth:`cancel`."""
        with self._lock:
            if self._ended_as is not None:
                return False
            self.cancelled_as = self.cancelled_as or reason
        self._run.stop(_WITHDRAWALS[reason])
        return True

    def end(self, state: StartedState, result: Any, error: BaseException | None) -> None:
        """Say how it ended; called once, by whoever runs it."""
        with self._lock:
            self._ended_as = state
        if error is None:
            self._outcome.set_result(result)
        else:
            self._outcome.set_exception(error)

    def when_ended(self) -> None:
        """Wait until it has ended, however that is; in a thread."""
        wait([self._outcome])

    def __repr__(self) -> str:
        return f"<run of the {self.kind} {self.name!r}: {self.state}, {self.execution_id}>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Return the live view; under the cell where it began it stands already."""
        return {**self._view(), "text/plain": repr(self)}

    async def _wait(self) -> Any:
        outcome = asyncio.wrap_future(self._outcome)
        # The timeout is a tick: an idle loop would not notice the kernel's interrupt.
        while not (await asyncio.wait({outcome}, timeout=TICK_SECONDS))[0]:
            pass
        return outcome.result()
