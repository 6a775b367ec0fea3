"""Puts the provider into crewAI, through its public hooks.

crewAI keeps the provider in a context variable, which is lost between cells and threads.
A process-wide ``PRE_STEP`` hook runs in the very context that will ask, so it sets the
provider there, unless the user has set one of their own. There a task begins, too, and with it
its review. Above it is ``session.py``.
"""

from typing import Any

from crewai.core.providers.human_input import SyncHumanInputProvider, get_provider, set_provider
from crewai.hooks import InterceptionPoint, get_hooks, register_hook, unregister_hook

from crewai_hitl_nb.kernel.asking import raise_if_stopped
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.kernel.tasks.human_input import BridgedHumanInput
from crewai_hitl_nb.kernel.tasks.reviews import Reviews


class ProviderHook:
    """The hook, from construction to :meth:`remove`.

    Args:
        provider: Answers for tasks.
        reviews: Keeps what is said of a task while it is executed.
    """

    def __init__(self, provider: BridgedHumanInput, reviews: Reviews) -> None:
        self._provider = provider
        self._reviews = reviews
        self.ensure()

    def ensure(self) -> None:
        """Put the hook in, unless it is: ``clear_all_hooks()`` takes everybody's out.

        Without it crewAI's own provider would ask, which approves silently in a kernel.
        """
        if self._before_step not in get_hooks(InterceptionPoint.PRE_STEP):
            register_hook(InterceptionPoint.PRE_STEP, self._before_step)

    def remove(self) -> None:
        """Take the hook out, and the provider out of the calling context."""
        unregister_hook(InterceptionPoint.PRE_STEP, self._before_step)
        if isinstance(get_provider(), BridgedHumanInput):
            set_provider(SyncHumanInputProvider())

    def _before_step(self, step: Any) -> None:
        """Run by crewAI before each task.

        Raises:
            HookAborted: When the run was stopped: an interrupted crew begins no new task.
        """
        run = current_run()
        if run is not None:
            raise_if_stopped(run.stopped)
        if step.task is not None:  # a flow's method has none
            self._reviews.begin(step.task)
        # Exactly crewAI's default, or ours from before: any other one is the user's choice.
        if type(get_provider()) in (SyncHumanInputProvider, BridgedHumanInput):
            set_provider(self._provider)
