"""``context.request_human_input()`` of crewAI's hooks, as a card.

crewAI has no provider for it, so while enabled the method of its two hook contexts is
replaced. A hook gets what it always got: the text that a person typed. Approve on a card
becomes the word that the hook asks for (``gates/approval_word.py``); Reject ends the call itself,
whatever word the hook expects. Below it are ``gates/approval.py`` and ``asking.py``; above it is
``session.py``.
"""

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from crewai.hooks import HookAborted
from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext

from crewai_hitl_nb.kernel.asking import SOURCE, Asker, NotAnswered
from crewai_hitl_nb.kernel.gates.approval import model_question, tool_question
from crewai_hitl_nb.kernel.gates.approval_word import STOCK_MESSAGE, word_of_consent
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person
from crewai_hitl_nb.kernel.tasks.human_input import said_of
from crewai_hitl_nb.kernel.tasks.tool_calls import asking_in_a_tool_call, call_of
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import HumanInputCompleted

_NAME: Final = "request_human_input"

HookContext: TypeAlias = ToolCallHookContext | LLMCallHookContext


class Rejected(HookAborted):
    """A person did not allow it. crewAI blocks the tool call, or ends the run for a model."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason or "a person did not allow it", SOURCE)


class HookInputPatch:
    """Replaces the method of both contexts, from construction to :meth:`remove`.

    Args:
        asker: Returns whom to ask through now; None for crewAI's own console prompt.
    """

    def __init__(self, asker: Callable[[], Asker | None]) -> None:
        self._asker = asker
        self._active = True
        self._patched: dict[type, tuple[Any, Any]] = {}
        for kind in (ToolCallHookContext, LLMCallHookContext):
            original = getattr(kind, _NAME)
            ours = self._bridged(original)
            self._patched[kind] = (original, ours)
            setattr(kind, _NAME, ours)

    def remove(self) -> None:
        """Put crewAI's own methods back."""
        self._active = False  # for whoever wrapped ours meanwhile and keeps calling it
        for kind, (original, ours) in self._patched.items():
            if getattr(kind, _NAME) is ours:
                setattr(kind, _NAME, original)

    def _bridged(self, original: Callable[..., str]) -> Callable[..., str]:
        @functools.wraps(original)
        def request_human_input(
            context: HookContext, prompt: str, default_message: str = STOCK_MESSAGE
        ) -> str:
            if not self._active:
                return original(context, prompt, default_message)
            if isinstance(context, ToolCallHookContext):
                call_of(context)  # a hook from before enable() may be the first of the call
            with asking_in_a_tool_call():
                asker = self._asker()
                if asker is None:
                    with asking_a_person():
                        return original(context, prompt, default_message)
                return _ask(asker, context, prompt, default_message)

        return request_human_input


def _ask(asker: Asker, context: HookContext, prompt: str, default_message: str) -> str:
    more = [("The hook says", default_message)] if default_message != STOCK_MESSAGE else []
    if isinstance(context, ToolCallHookContext):
        who = call_of(context).who
        question = tool_question(context, who, asker.waiter, asker.terms, prompt=prompt, more=more)
    else:
        question = model_question(context, asker.waiter, asker.terms, prompt=prompt, more=more)
    answer = asker.ask(question, context.agent)
    if not isinstance(context, ToolCallHookContext):
        return typed(answer, word_of_consent(default_message, prompt))
    call, consent = call_of(context), word_of_consent(default_message, prompt, context.tool_input)
    if answer.decision == "reject":
        call.rejection = said_of(answer)
    if answer.decision == "approve" and context.tool_result is None:
        call.has_consent = True
    return typed(answer, consent)


def typed(answer: HumanInputCompleted, consent: str) -> str:
    """Return an answer as what a person would have typed for this hook.

    Args:
        answer: The answer.
        consent: What this hook takes for consent.

    Raises:
        Rejected: They refused.
        NotAnswered: It is neither an approval nor a text, or says not which: what lets a tool
            or a model run is said by name.
    """
    if answer.decision == "approve":
        return consent
    if answer.decision == "reject":
        raise Rejected(said_of(answer))
    text = said_of(answer).strip()
    if answer.decision == "respond" and not is_blank(text):
        return text
    raise NotAnswered(f"the answer was no approval and no text ({answer.decision})", "refused")
