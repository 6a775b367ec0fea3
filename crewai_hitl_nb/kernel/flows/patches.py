"""Installs the bridge in crewAI's flows, and removes it again.

It combines the providers of ``flows/feedback.py`` and ``flows/input.py`` with the patches that
they need. ``session.py`` uses it. A provider that the user has set on a flow, on a step or for all
flows stays in place.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from crewai.flow.flow_config import flow_config
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.flows.feedback import FlowFeedback, PausesFlow
from crewai_hitl_nb.kernel.flows.input import AskPatch, FlowInput
from crewai_hitl_nb.kernel.flows.outcome import OutcomePatch
from crewai_hitl_nb.kernel.flows.stored_flow import flow_classes

DurableFlows: TypeAlias = bool | Collection[type[Flow[Any]]]
"""Which flows pause instead of waiting: all, none, or these classes and their subclasses."""


def checked_flows(durable: object) -> DurableFlows:
    """Check the ``durable_flows`` of ``enable()``; a single class need not be in a list.

    Raises:
        WrongArgument: It is neither True or False nor classes of flows.
    """
    if isinstance(durable, bool):
        return durable
    return frozenset(flow_classes("durable_flows", durable))


class FlowBridge:
    """The bridge for flows, from construction to :meth:`remove`.

    Args:
        asker: Returns the asker to use now; None for crewAI's own console prompt.
        retract: Called with the id of a request whose answer is no longer needed.
        durable: Which flows pause instead of waiting.
    """

    def __init__(
        self,
        asker: Callable[[], Asker | None],
        retract: Callable[[str], None],
        durable: DurableFlows,
    ) -> None:
        self._durable = durable
        self._feedback = FlowFeedback(asker, self._is_durable)
        self._input = FlowInput(asker)
        self._outcomes = OutcomePatch(self._is_ours, retract)
        self._ask = AskPatch(self._input)
        if flow_config.hitl_provider is None:
            flow_config.hitl_provider = self._feedback
        if flow_config.input_provider is None:
            flow_config.input_provider = self._input

    def remove(self) -> None:
        """Restore crewAI's own providers and methods."""
        if flow_config.input_provider is self._input:
            flow_config.input_provider = None
        if flow_config.hitl_provider is self._feedback:
            flow_config.hitl_provider = None
        self._ask.remove()
        self._outcomes.remove()

    def _is_durable(self, flow: Flow[Any]) -> bool:
        if isinstance(self._durable, bool):
            return self._durable
        return isinstance(flow, tuple(self._durable))

    def _is_ours(self, flow: Flow[Any], definition: Any) -> bool:
        provider = flow._resolve_feedback_provider(definition)
        return provider is self._feedback or isinstance(provider, PausesFlow)
