"""Copies of a task, which crewAI makes to train a crew and to run it for each of several inputs.

A copy has an id of its own and no word of where it comes from. Its key is the same, but so is that
of any other task with the same text: of a cell that was run again without its annotation, say.
So while enabled crewAI's own copying tells what was copied. Above it is ``session.py``; below are
crewAI and ``questions/annotations.py``.
"""

import functools
from typing import Any

from crewai import Task

from crewai_hitl_nb.kernel.questions.annotations import annotate_copy


class TaskCopyPatch:
    """Stands in for ``Task.copy``, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._original: Any = Task.copy
        self._ours = _telling(self._original)
        Task.copy = self._ours  # type: ignore[method-assign]

    def remove(self) -> None:
        """Put crewAI's own method back."""
        if Task.copy is self._ours:
            Task.copy = self._original  # type: ignore[method-assign]


def _telling(copy: Any) -> Any:
    @functools.wraps(copy)
    def copy_and_tell(task: Task, *args: Any, **kwargs: Any) -> Task:
        made: Task = copy(task, *args, **kwargs)
        annotate_copy(made, task)
        return made

    return copy_and_tell
