"""Shortens the traceback of an error that reaches a user's cell or script.

Between the user's line and the place that raises there are up to thirty calls of this package, of
crewAI and of Python's threads. A person who interrupts a cell, or an argument that is wrong, needs
only the user's own lines. Each public function and each entry point of crewAI that
``kernel/runs/run.py`` patches passes its errors through here. With the log level DEBUG for
``crewai_hitl_nb``, tracebacks stay complete. The module depends on neither half of the package.
"""

import functools
import logging
import os
import sys
import sysconfig
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PACKAGE: Final = __name__.partition(".")[0]
_OURS: Final = str(Path(__file__).parent)
_INSTALLED: Final = sysconfig.get_path("purelib")
_PYTHON: Final = sysconfig.get_path("stdlib")


def short_traceback(call: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate a function whose errors reach users."""

    @functools.wraps(call)
    def calling(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        __tracebackhide__ = True  # IPython and pytest leave out this frame as well
        try:
            return call(*args, **kwargs)
        except BaseException as error:
            shorten(error)
            raise error

    return calling


def short_traceback_async(
    call: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Decorate a coroutine function whose errors reach users."""

    @functools.wraps(call)
    async def calling(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        __tracebackhide__ = True
        try:
            return await call(*args, **kwargs)
        except BaseException as error:
            shorten(error)
            raise error

    return calling


def shorten(error: BaseException) -> None:
    """Take the frames of this package out of an error's traceback.

    If the message alone explains the error (an interrupt, one of this package's own errors, a
    wrong argument), crewAI's and Python's frames are left out as well. An error that this package
    raises by mistake keeps its traceback, because a report about it needs all of it.
    """
    from crewai_hitl_nb.protocol.log_lines import logger  # here: importing the package is quick

    if logger(__name__).isEnabledFor(logging.DEBUG):
        return
    entries = list(_entries(error.__traceback__))
    if not _explains_itself(error, entries):
        if not entries or not _is_ours(entries[-1]):
            error.with_traceback(_without(_is_ours, error.__traceback__))
        return
    cause = error.__cause__
    if cause is not None:
        cause.with_traceback(_without(_is_machinery, cause.__traceback__))
    error.with_traceback(_without(_is_machinery, error.__traceback__))
    if "IPython" in sys.modules:
        with suppress(AttributeError, TypeError):  # a class may forbid it
            # It shows the last frame even if it is hidden, and `calling` is about to add one.
            error._render_traceback_ = partial(_shown_by_ipython, error)  # type: ignore[attr-defined]


def _shown_by_ipython(error: BaseException) -> Any:
    """Return the lines that IPython shows: it looks for this method on every error."""
    from IPython import get_ipython

    traceback = _without(_is_ours, error.__traceback__)
    show = get_ipython().InteractiveTB.structured_traceback
    return show(type(error), error, traceback, tb_offset=1)


def _explains_itself(error: BaseException, entries: list[TracebackType]) -> bool:
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError":
        return True
    if type(error).__module__.partition(".")[0] == _PACKAGE:
        return True
    return isinstance(error, ValueError) and bool(entries) and _is_ours(entries[-1])


def _is_machinery(entry: TracebackType) -> bool:
    in_python = _is_in(entry, _PYTHON) and not _is_in(entry, _INSTALLED)
    is_frozen = entry.tb_frame.f_code.co_filename.startswith("<frozen ")
    return in_python or is_frozen or _is_ours(entry) or _is_crewais(entry)


def _is_crewais(entry: TracebackType) -> bool:
    crewai = sys.modules.get("crewai")
    return crewai is not None and _is_in(entry, str(Path(crewai.__file__ or "crewai").parent))


def _is_ours(entry: TracebackType) -> bool:
    return _is_in(entry, _OURS)


def _is_in(entry: TracebackType, folder: str) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(f"{folder}{os.sep}")


def _without(
    is_left_out: Callable[[TracebackType], bool], traceback: TracebackType | None
) -> TracebackType | None:
    chain: TracebackType | None = None
    for entry in reversed(list(_entries(traceback))):
        if not is_left_out(entry):
            chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return chain


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
