"""Installs the provider in crewAI through its public hooks.

crewAI keeps the provider in a context variable, which is lost between cells and threads. A
process-wide ``PRE_STEP`` hook runs in the same context that will ask, so it sets the provider
there, unless the user has set their own. A task also begins there, with its review and its steps.
``session.py`` uses it.
"""

from typing import Any

from crewai.core.providers.human_input import SyncHumanInputProvider, get_provider, set_provider
from crewai.hooks import InterceptionPoint, get_hooks, register_hook, unregister_hook

from crewai_hitl_nb.kernel.asking import raise_if_stopped
from crewai_hitl_nb.kernel.questions.steps import begin_steps
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.kernel.tasks.human_input import BridgedHumanInput
from crewai_hitl_nb.kernel.tasks.reviews import Reviews


class ProviderHook:
    """The hook, from construction to :meth:`remove`.

    Args:
        provider: The provider for tasks.
        reviews: The reviews of the tasks that are being executed.
    """

    def __init__(self, provider: BridgedHumanInput, reviews: Reviews) -> None:
        self._provider = provider
        self._reviews = reviews
        self.ensure()

    def ensure(self) -> None:
        """Register the hook if it is missing: ``clear_all_hooks()`` removes all hooks.

        Without it, crewAI's own provider would ask, which approves silently in a kernel.
        """
        if self._before_step not in get_hooks(InterceptionPoint.PRE_STEP):
            register_hook(InterceptionPoint.PRE_STEP, self._before_step)

    def remove(self) -> None:
        """Unregister the hook, and remove the provider from the calling context."""
        unregister_hook(InterceptionPoint.PRE_STEP, self._before_step)
        if isinstance(get_provider(), BridgedHumanInput):
            set_provider(SyncHumanInputProvider())

    def _before_step(self, step: Any) -> None:
        """Called by crewAI before each task.

        Raises:
            HookAborted: The run was stopped: an interrupted crew begins no new task.
        """
        run = current_run()
        if run is not None:
            raise_if_stopped(run.stopped)
        if step.task is not None:  # the step of a flow has no task
            self._reviews.begin(step.task)
            begin_steps(step.task)
        # Replace only crewAI's default or an earlier one of ours: the user chose any other.
        if type(get_provider()) in (SyncHumanInputProvider, BridgedHumanInput):
            set_provider(self._provider)
