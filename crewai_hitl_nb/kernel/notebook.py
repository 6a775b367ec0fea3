"""The Jupyter kernel of this process: its cells, their outputs and their interrupts.

Only this module uses IPython and ipykernel: which cell is asking, how to display something under
it, how to notice that it was interrupted. ``asking.py`` and ``runs/run.py`` use it. It depends on
neither crewAI nor the server.

Works with ipykernel 6 and 7. It sends display messages itself, because only then can a thread
that outlives its cell still display under that cell.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

_RUNS_A_CELL: Final = "execute_request"

Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
"""What an output shows, by MIME type, and its metadata."""

CellInterrupted = Callable[[str], None]
"""Called with the message id of an interrupted cell."""


@dataclass(frozen=True)
class Cell:
    """One execution of a cell.

    Attributes:
        message_id: The id of the execute request.
        header: The request's header, which every output of the cell names as its parent.
        cell_id: The id of the cell in the notebook, if the front end sends it (JupyterLab does).
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
        self._last = self._current_request()  # the cell of enable(), unless a widget called it
        self._running: Mapping[str, Any] | None = self._last if _runs_a_cell(self._last) else None

    @classmethod
    def current(cls) -> "Notebook | None":
        """Return this process's kernel; None in a script, a terminal or a forked process."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        kernel = getattr(shell, "kernel", None)
        if kernel is None or getattr(kernel.session, "pid", os.getpid()) != os.getpid():
            return None
        return cls(shell)

    @property
    def path(self) -> str | None:
        """The notebook's path as the Jupyter server names it, if it passed it to the kernel."""
        return os.environ.get("JPY_SESSION_NAME")

    @property
    def kernel_id(self) -> str | None:
        """The kernel's id, taken from the name of its connection file."""
        from ipykernel.connect import get_connection_file

        try:
            name = Path(get_connection_file()).stem
        except RuntimeError:  # the kernel was not started by a kernel application
            return None
        return name.removeprefix("kernel-")

    def cell(self) -> Cell:
        """Return the cell that the calling thread or task works for.

        ipykernel keeps it in the context, which crewAI's own threads inherit. In a plain thread
        it is the cell that ran last, and also in a widget's callback, because JupyterLab does not
        show outputs for a widget's message.
        """
        request = self._current_request()
        if not _runs_a_cell(request):
            request = self._last
        header = request.get("header", {})
        return Cell(
            str(header.get("msg_id", "")), header, request.get("metadata", {}).get("cellId")
        )

    def remember_cells(self) -> Callable[[], None]:
        """Start to remember which cell runs or ran last; return a function that stops it."""

        def begin(info: Any) -> None:
            self._last = self._running = self._current_request()

        self._shell.events.register("pre_run_cell", begin)
        return lambda: self._shell.events.unregister("pre_run_cell", begin)

    def stay_busy(self) -> Callable[[], None]:
        """Keep the kernel's status at busy while a cell runs; return a function that stops it.

        ipykernel ends other messages, which arrive while a cell waits, with the status idle:
        JupyterLab sends one for each page that draws a widget. JupyterLab then shows "Idle", and
        Jupyter's culler ends the kernel. So the status is corrected at once.
        """
        publish = getattr(self._kernel, "_publish_status", None)
        if publish is None:  # another kernel than ipykernel
            return _nothing

        def publish_and_correct(status: str, channel: str, parent: Any = None) -> None:
            if status == "idle" and self._running:
                of = parent or self._kernel.get_parent(channel)
                if _id_of(of) == _id_of(self._running):
                    self._running = None
            running = self._running
            publish(status, channel, parent)
            if status == "idle" and running:
                publish("busy", "shell", running)
                if self._running is not running:  # its cell ended meanwhile, on its own thread
                    publish("idle", "shell", running)

        self._kernel._publish_status = publish_and_correct
        return partial(delattr, self._kernel, "_publish_status")

    def _current_request(self) -> Mapping[str, Any]:
        request: Mapping[str, Any] = self._kernel.get_parent("shell")
        return request

    def display(
        self,
        bundle: Bundle,
        cell: Cell,
        display_id: str | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Display a MIME bundle under a cell, from any thread.

        Args:
            bundle: The MIME bundle and its metadata.
            cell: The cell to display it under.
            display_id: Identifies the output, so that it can be updated later.
            again: Whether to update the output that has this id.
        """
        data, metadata = bundle
        sys.stdout.flush()  # earlier prints must appear above it
        transient = {} if display_id is None else {"display_id": display_id}
        self._kernel.session.send(
            self._kernel.iopub_socket,
            "update_display_data" if again else "display_data",
            {"data": data, "metadata": metadata, "transient": transient},
            parent=dict(cell.header),
            ident=b"display_data",
        )

    def wake(self) -> None:
        """Wake the kernel's idle event loop; only then does it notice an interrupt."""
        self._kernel.io_loop.add_callback(_nothing)

    def when_interrupted(self, callback: CellInterrupted) -> Callable[[], None]:
        """Call back after a cell was interrupted; return a function that stops it."""

        def after_cell(result: Any) -> None:
            if _was_interrupted(getattr(result, "error_in_exec", None)):
                callback(self.cell().message_id)

        self._shell.events.register("post_run_cell", after_cell)
        return lambda: self._shell.events.unregister("post_run_cell", after_cell)

    def is_running(self, cell: Cell) -> bool:
        """Say whether this cell is the one that runs now."""
        running = Context().run(self.cell)  # in an empty context this is the running cell
        return running.message_id == cell.message_id

    def when_ending(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the kernel starts to shut down; return a function that stops it.

        Before ``atexit`` the interpreter waits for worker threads, such as asyncio's. A crew that
        waits for a human on such a thread would keep the kernel alive until it is killed. Only
        functions registered with this private function of ``threading`` run early enough.
        """
        register = getattr(threading, "_register_atexit", None)
        callbacks = [callback]  # a registration cannot be undone, but the list can be cleared
        if register is not None:
            register(lambda: [call() for call in callbacks])
        return callbacks.clear


def _was_interrupted(error: BaseException | None) -> bool:
    """Say whether a cell's error is an interrupt.

    It is KeyboardInterrupt in a plain cell, CancelledError in a cell with `await`.
    """
    from asyncio import CancelledError

    return isinstance(error, KeyboardInterrupt | CancelledError)


def _runs_a_cell(request: Mapping[str, Any]) -> bool:
    return bool(request.get("header", {}).get("msg_type") == _RUNS_A_CELL)


def _id_of(request: Mapping[str, Any]) -> Any:
    return request.get("header", {}).get("msg_id")


def _nothing() -> None:
    pass
