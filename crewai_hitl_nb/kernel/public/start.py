"""``hitl.start()``: a crew or a flow that runs while the notebook stays free.

The public call alone; ``started/starter.py`` does it.
"""

from collections.abc import Mapping
from typing import Any

from crewai import Crew
from crewai.flow.flow import Flow

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.started.started_run import StartedRun
from crewai_hitl_nb.protocol.arguments import mapping


def start(target: Crew | Flow[Any], inputs: Mapping[str, Any] | None = None) -> StartedRun:
    """Start a crew or a flow and return at once.

    In a notebook a live view of the run appears under the cell: its tasks, its questions in
    place, its result or its error, and a button that cancels it. Running the same cell again
    replaces the run. Turns the bridge on if it is off.

    Args:
        target: A ``Crew`` or a ``Flow``.
        inputs: For its ``kickoff()``.

    Returns:
        The run: ``run.result()``, ``await run``, ``run.cancel()``, ``run.state``.

    Raises:
        TypeError: The target is neither a crew nor a flow, or the inputs are no dict.
        RuntimeError: It, or an agent of it, works in another run already.
        NotAnswered: In a notebook without a server, where nobody could see it or be asked.
    """
    if inputs is not None:
        inputs = mapping("inputs", "a dict, as kickoff() takes it", inputs)
    return session().start(target, inputs)
