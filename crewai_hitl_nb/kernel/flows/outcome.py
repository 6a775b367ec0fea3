"""Passes the outcome that a person chose through crewAI without a language model.

crewAI gives any text of a person to a model, which maps it to one of the step's outcomes, even if
the text already is an outcome. A choice needs no interpretation: the provider returns a
:class:`ChosenOutcome`, and the patches here make crewAI use exactly that outcome. For a step with
outcomes, its model is also created late, only when a text needs it, so that a model that cannot
be created does not prevent a choice.

``flows/feedback.py`` uses it; it uses crewAI's ``Flow``.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from crewai.flow.human_feedback import HumanFeedbackResult, _serialize_llm_for_context
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import NotAnswered
from crewai_hitl_nb.kernel.tasks.human_input import ACCEPT, answer_text
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import HumanInputCompleted

REQUEST_KEY: Final = "crewai_hitl_request_id"
"""The key of the question's id in the stored record of a paused flow. A flow has one record at a
time, and the answer to an earlier question of the flow must never be used for the current one."""


class ChosenOutcome(str):
    """A person's choice among a step's outcomes, with their comment.

    As a text it is never blank. If crewAI sees it without the patches, it asks its model about
    the text; a blank text would mean the first outcome.

    Attributes:
        outcome: The chosen outcome.
        comment: The comment, which may be blank.
    """

    outcome: str
    comment: str

    def __new__(cls, outcome: str, comment: str = "") -> "ChosenOutcome":
        """Create a text that is the comment, or the outcome if there is no comment."""
        chosen = super().__new__(cls, outcome if is_blank(comment) else comment)
        chosen.outcome, chosen.comment = outcome, comment
        return chosen

    def __str__(self) -> "ChosenOutcome":
        """Return itself: crewAI calls ``str()`` on what a provider returns."""
        return self


def feedback_for(
    answer: HumanInputCompleted, emit: list[str] | None, default_outcome: str | None
) -> str:
    """Convert an answer to the feedback that crewAI expects.

    Args:
        answer: A person's answer.
        emit: The outcomes of the step, or None.
        default_outcome: The outcome that an approval without a choice means.

    Raises:
        NotAnswered: It is not a valid answer for this step.
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
        if words := answer_text(answer).strip():
            return words
    raise NotAnswered(
        f"the answer was neither approval nor feedback ({answer.decision})", "refused"
    )


class LateModel:
    """A placeholder for a step's language model until something needs the model.

    Attributes:
        llm: The step's model setting, which crewAI resolves.
    """

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def to_config_dict(self) -> Any:
        """Return the model's configuration, which crewAI stores when a flow pauses."""
        if self.llm is None or isinstance(self.llm, str | dict):
            return self.llm
        return _serialize_llm_for_context(self.llm)


class OutcomePatch:
    """Makes crewAI's flows accept chosen outcomes, from construction to :meth:`remove`.

    Args:
        is_ours: Says whether a step is answered through the bridge.
        retract: Called with the id of a request once its flow has used an answer from any source.
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
            # Learning from feedback needs the model at once, whatever the answer is.
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
                # In crewAI, no feedback with a default outcome gives that outcome without a model.
                step |= {"raw_feedback": "", "default_outcome": feedback.outcome}
            result: HumanFeedbackResult = await original(flow, **step)
            if isinstance(feedback, ChosenOutcome):
                result.feedback = feedback.comment  # the history holds this same object
            if paused_with := step["metadata"].get(REQUEST_KEY):
                self._retract(paused_with)  # has no effect if the question was answered
            return result

        return finalize

    def _store_lessons(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def store(
            flow: Flow[Any], definition: Any, method: str, output: Any, feedback: str, llm: Any
        ) -> None:
            comment = feedback.comment if isinstance(feedback, ChosenOutcome) else feedback
            await original(flow, definition, method, output, comment, llm)

        return store
