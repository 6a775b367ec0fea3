"""``hitl.start()``: runs a crew or a flow in the background while the notebook stays free.

Only the public function; ``started/starter.py`` does the work.
"""

from collections.abc import Mapping
from typing import Any

from crewai import Crew
from crewai.flow.flow import Flow

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.started.started_run import StartedRun
from crewai_hitl_nb.protocol.arguments import mapping
from crewai_hitl_nb.tracebacks import short_traceback


@short_traceback
def start(target: Crew | Flow[Any], inputs: Mapping[str, Any] | None = None) -> StartedRun:
    """Start a crew or a flow in the background and return at once.

    In a notebook, a live view of the run appears under the cell. It shows the run's tasks, its
    questions, its result or error, and a button that cancels it. Running the same cell again
    replaces the run. Enables the bridge if it is off.

    Args:
        target: A ``Crew`` or a ``Flow``.
        inputs: The inputs for its ``kickoff()``.

    Returns:
        The run: ``run.result()``, ``await run``, ``run.cancel()``, ``run.state``.

    Raises:
        TypeError: The target is neither a crew nor a flow, or the inputs are not a dict.
        RuntimeError: The target, or one of its agents, already works in another run.
        NotAnswered: No server was found and this is a notebook, where nobody could see the run
            or answer its questions.
    """
    if inputs is not None:
        inputs = mapping("inputs", "a dict, as for kickoff()", inputs)
    return session().start(target, inputs)
