"""Passes a task's annotations to the copies that crewAI makes of it.

crewAI copies tasks to train a crew and to run it for each of several inputs. A copy has its own
id and no reference to its original. Its key is the same, but so is the key of any other task with
the same text, for example of a cell that was run again without its annotation. So while the bridge
is enabled, crewAI's own copying passes the annotations on. ``session.py`` installs it; it uses
``questions/annotations.py``.
"""

import functools
from typing import Any

from crewai import Task

from crewai_hitl_nb.kernel.questions.annotations import annotate_copy


class TaskCopyPatch:
    """Replaces ``Task.copy``, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._original: Any = Task.copy
        self._ours = _with_annotations(self._original)
        Task.copy = self._ours  # type: ignore[method-assign]

    def remove(self) -> None:
        """Put crewAI's own method back."""
        if Task.copy is self._ours:
            Task.copy = self._original  # type: ignore[method-assign]


def _with_annotations(copy: Any) -> Any:
    @functools.wraps(copy)
    def copy_and_annotate(task: Task, *args: Any, **kwargs: Any) -> Task:
        made: Task = copy(task, *args, **kwargs)
        annotate_copy(made, task)
        return made

    return copy_and_annotate
