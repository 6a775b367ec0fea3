"""The Jupyter kernel that this process is, seen from inside.

The only module that speaks to IPython and ipykernel: which cell asks, how to put
something under it, how to notice its interrupt. Above it are ``asking.py`` and
``runs/run.py``; it knows neither crewAI nor the server.

Works with ipykernel 6 and 7: it sends the display message itself, because only so can a
thread that outlives its cell still put it under that cell.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_RUNS_A_CELL: Final = "execute_request"

CellInterrupted = Callable[[str], None]
"""Called with the message id of the cell that was interrupted."""


@dataclass(frozen=True)
class Cell:
    """One execution of a cell.

    Attributes:
        message_id: Of the execute request.
        header: The whole header, which every output of the cell names as its parent.
        cell_id: Of the cell in the notebook, where the front end tells (JupyterLab does).
    """

    message_id: str
    header: Mapping[str, Any] = field(repr=False)
    cell_id: str | None = None


class Notebook:
    """A running kernel. :meth:`current` finds it.

    Args:
        shell: The kernel's IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kernel = shell.kernel
        self._last = self._asked_by()  # of enable(), unless that was a widget's click

    @classmethod
    def current(cls) -> "Notebook | None":
        """Return the kernel that this process is; None in a script, a terminal or a fork of one."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        kernel = getattr(shell, "kernel", None)
        if kernel is None or getattr(kernel.session, "pid", os.getpid()) != os.getpid():
            return None
        return cls(shell)

    @property
    def path(self) -> str | None:
        """Path of the notebook as the Jupyter server names it, if it told the kernel."""
        return os.environ.get("JPY_SESSION_NAME")

    @property
    def kernel_id(self) -> str | None:
        """Id of the kernel, as it stands in the name of its connection file."""
        from ipykernel.connect import get_connection_file

        try:
            name = Path(get_connection_file()).stem
        except RuntimeError:  # a kernel that was not started by a kernel application
            return None
        return name.removeprefix("kernel-")

    def cell(self) -> Cell:
        """Return the cell that the calling thread or task works for.

        ipykernel keeps it in the context, which crewAI's own threads inherit; in a bare
        thread it is the cell that ran last. So it is where no cell runs but a widget's
        callback: what is displayed for the message that called it, JupyterLab shows nowhere.
        """
        request = self._asked_by()
        if request.get("header", {}).get("msg_type") != _RUNS_A_CELL:
            request = self._last
        header = request.get("header", {})
        return Cell(
            str(header.get("msg_id", "")), header, request.get("metadata", {}).get("cellId")
        )

    def remember_cells(self) -> Callable[[], None]:
        """Remember from here on which cell ran last; returns how to stop that."""

        def begin(info: Any) -> None:
            self._last = self._asked_by()

        self._shell.events.register("pre_run_cell", begin)
        return lambda: self._shell.events.unregister("pre_run_cell", begin)

    def _asked_by(self) -> Mapping[str, Any]:
        request: Mapping[str, Any] = self._kernel.get_parent("shell")
        return request

    def display(
        self,
        bundle: Mapping[str, Any],
        cell: Cell,
        display_id: str | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Put a MIME bundle under a cell, from any thread.

        Args:
            bundle: The MIME bundle.
            cell: Where.
            display_id: Names it among the outputs of this kernel, for what changes later.
            again: Put it in place of the one that has this name.
        """
        sys.stdout.flush()  # what was printed before must stand above
        transient = {} if display_id is None else {"display_id": display_id}
        self._kernel.session.send(
            self._kernel.iopub_socket,
            "update_display_data" if again else "display_data",
            {"data": dict(bundle), "metadata": {}, "transient": transient},
            parent=dict(cell.header),
            ident=b"display_data",
        )

    def wake(self) -> None:
        """Let the kernel's idle loop look around; only then does it notice an interrupt."""
        self._kernel.io_loop.add_callback(_nothing)

    def when_interrupted(self, callback: CellInterrupted) -> Callable[[], None]:
        """Call back after a cell that ended by an interrupt; returns how to stop that."""

        def after_cell(result: Any) -> None:
            if _was_interrupted(getattr(result, "error_in_exec", None)):
                callback(self.cell().message_id)

        self._shell.events.register("post_run_cell", after_cell)
        return lambda: self._shell.events.unregister("post_run_cell", after_cell)

    def is_running(self, cell: Cell) -> bool:
        """Say whether this cell is the one that runs now."""
        running = Context().run(self.cell)  # out of any context: the cell that runs now
        return running.message_id == cell.message_id

    def when_ending(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the kernel is told to end; returns how to stop that.

        Before ``atexit`` the interpreter waits for worker threads, asyncio's for one. A crew
        that waits for a human on such a thread would keep the kernel from ending until it
        is killed. Only this private function of ``threading`` is called in time.
        """
        register = getattr(threading, "_register_atexit", None)
        callbacks = [callback]  # what is registered stays so, but can be emptied
        if register is not None:
            register(lambda: [call() for call in callbacks])
        return callbacks.clear


def _was_interrupted(error: BaseException | None) -> bool:
    """An interrupt is KeyboardInterrupt in a plain cell, CancelledError in an `await` cell."""
    from asyncio import CancelledError

    return isinstance(error, KeyboardInterrupt | CancelledError)


def _nothing() -> None:
    pass
