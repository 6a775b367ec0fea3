"""The outcome that a person chose, carried through crewAI without a language model.

crewAI takes any text of a person to a model, which maps it to one of the step's outcomes,
even a text that is such an outcome. A button needs no interpreter: the provider returns a
:class:`ChosenOutcome`, and the patches here let crewAI take exactly that outcome. Where a
step has outcomes its model is also made late, when a text really needs it, so that a model
that cannot be made stops nobody from choosing.

Above it is ``flows/feedback.py``; it knows crewAI's ``Flow`` and no server.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from crewai.flow.human_feedback import HumanFeedbackResult, _serialize_llm_for_context
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import NotAnswered
from crewai_hitl_nb.kernel.tasks.human_input import ACCEPT, said_of
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import HumanInputCompleted

REQUEST_KEY: Final = "crewai_hitl_request_id"
"""Where the stored record of a paused flow names its question. A flow has one record at a
time: an answer to an earlier question of the same flow must never be taken for one to this."""


class ChosenOutcome(str):
    """A person's choice among a step's outcomes, with what they said beside it.

    As a text it is never blank: should crewAI see it without the patches, it asks its model
    about that text and does not take silence for its first outcome, as it else would.

    Attributes:
        outcome: What they chose.
        comment: What they said beside it, or nothing.
    """

    outcome: str
    comment: str

    def __new__(cls, outcome: str, comment: str = "") -> "ChosenOutcome":
        """Make a text of it."""
        chosen = super().__new__(cls, outcome if is_blank(comment) else comment)
        chosen.outcome, chosen.comment = outcome, comment
        return chosen

    def __str__(self) -> "ChosenOutcome":
        """Return itself: crewAI calls ``str()`` on what a provider returns."""
        return self


def feedback_for(
    answer: HumanInputCompleted, emit: list[str] | None, default_outcome: str | None
) -> str:
    """Return an answer in crewAI's terms.

    Args:
        answer: Of a person.
        emit: The outcomes of the step, or None.
        default_outcome: Which of them is meant when nothing is said.

    Raises:
        NotAnswered: When it is no answer to this step.
    """
    text = answer.human_feedback
    if answer.decision == "approve":
        if not emit:
            return ACCEPT
        if default_outcome:
            return ChosenOutcome(default_outcome, text)
    elif answer.decision in ("respond", None):
        chosen = next(iter(answer.options or ()), text.strip())
        if emit and chosen in emit:
            return ChosenOutcome(chosen, "" if text.strip() == chosen else text)
        if said := said_of(answer).strip():
            return said
    raise NotAnswered(f"the answer was no approval and no feedback ({answer.decision})", "refused")


class LateModel:
    """Stands for a step's language model until something needs it.

    Attributes:
        llm: What the step names, as crewAI resolves it.
    """

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def to_config_dict(self) -> Any:
        """Return what crewAI stores of a model when a flow pauses."""
        if self.llm is None or isinstance(self.llm, str | dict):
            return self.llm
        return _serialize_llm_for_context(self.llm)


class OutcomePatch:
    """Teaches crewAI's flows about chosen outcomes, from construction to :meth:`remove`.

    Args:
        is_ours: Says whether a step is answered through the bridge.
        retract: Called with a request whose flow has taken an answer, however it got it.
    """

    def __init__(
        self, is_ours: Callable[[Flow[Any], Any], bool], retract: Callable[[str], None]
    ) -> None:
        self._is_ours = is_ours
        self._retract = retract
        self._patched: list[tuple[str, Any, Any]] = []
        self._patch("_run_human_feedback_step", self._run_step)
        self._patch("_finalize_human_feedback", self._finalize)
        self._patch("_store_feedback_lessons", self._store_lessons)

    def remove(self) -> None:
        """Put crewAI's own methods back."""
        for name, original, ours in self._patched:
            if getattr(Flow, name) is ours:
                setattr(Flow, name, original)

    def _patch(self, name: str, wrap: Callable[[Any], Any]) -> None:
        original = getattr(Flow, name)
        ours = wrap(original)
        self._patched.append((name, original, ours))
        setattr(Flow, name, ours)

    def _run_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def run(flow: Flow[Any], method_name: Any, definition: Any, output: Any) -> Any:
            # Learning from feedback needs the model at once, whoever answers what.
            if definition.emit and not definition.learn and self._is_ours(flow, definition):
                definition = definition.model_copy(update={"llm": LateModel(definition.llm)})
            return await original(flow, method_name, definition, output)

        return run

    def _finalize(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def finalize(flow: Flow[Any], **step: Any) -> HumanFeedbackResult:
            if isinstance(step["llm"], LateModel):
                step["llm"] = step["llm"].llm
            feedback = step["raw_feedback"]
            if isinstance(feedback, ChosenOutcome):
                # crewAI's own way to an outcome without a model: nothing said, and a default.
                step |= {"raw_feedback": "", "default_outcome": feedback.outcome}
            result: HumanFeedbackResult = await original(flow, **step)
            if isinstance(feedback, ChosenOutcome):
                result.feedback = feedback.comment  # the same object that the history holds
            if paused_with := step["metadata"].get(REQUEST_KEY):
                self._retract(paused_with)  # nothing happens if it was answered
            return result

        return finalize

    def _store_lessons(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def store(
            flow: Flow[Any], definition: Any, method: str, output: Any, feedback: str, llm: Any
        ) -> None:
            said = feedback.comment if isinstance(feedback, ChosenOutcome) else feedback
            await original(flow, definition, method, output, said, llm)

        return store
