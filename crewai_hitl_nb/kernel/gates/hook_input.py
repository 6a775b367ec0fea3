"""Shows ``context.request_human_input()`` of crewAI's hooks as a card.

crewAI has no provider for it, so while the bridge is enabled, this method of its two hook
contexts is replaced. A hook still gets the text that a person typed. Approve on a card becomes the
word that the hook asks for (``gates/approval_word.py``); Reject ends the call itself, whatever
word the hook expects. It uses ``gates/approval.py`` and ``asking.py``; ``session.py`` installs it.
"""

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from crewai.hooks import HookAborted
from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext

from crewai_hitl_nb.kernel.asking import SOURCE, Asker, NotAnswered
from crewai_hitl_nb.kernel.gates.approval import model_question, tool_question
from crewai_hitl_nb.kernel.gates.approval_word import STOCK_MESSAGE, approval_word
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person
from crewai_hitl_nb.kernel.tasks.human_input import answer_text
from crewai_hitl_nb.kernel.tasks.tool_calls import asking_in_a_tool_call, call_of
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import HumanInputCompleted

_NAME: Final = "request_human_input"

HookContext: TypeAlias = ToolCallHookContext | LLMCallHookContext


class Rejected(HookAborted):
    """A person refused. crewAI blocks a tool call; for a model call it ends the run."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason or "a person refused", SOURCE)


class HookInputPatch:
    """Replaces the method of both contexts, from construction to :meth:`remove`.

    Args:
        asker: Returns the asker to use now; None for crewAI's own console prompt.
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
        self._active = False  # other code may have wrapped our method and still call it
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
                call_of(context)  # a hook registered before enable() may be the call's first
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
        return typed(answer, approval_word(default_message, prompt))
    call, word = call_of(context), approval_word(default_message, prompt, context.tool_input)
    if answer.decision == "reject":
        call.rejection = answer_text(answer)
    if answer.decision == "approve" and context.tool_result is None:
        call.has_approval = True
    return typed(answer, word)


def typed(answer: HumanInputCompleted, word: str) -> str:
    """Return the text that a person would have typed for this hook to give this answer.

    Args:
        answer: The answer.
        word: The word that this hook treats as approval.

    Raises:
        Rejected: The person refused.
        NotAnswered: The answer is neither an approval nor a text. An answer without a decision
            is not accepted: only an explicit decision lets a tool or a model run.
    """
    if answer.decision == "approve":
        return word
    if answer.decision == "reject":
        raise Rejected(answer_text(answer))
    text = answer_text(answer).strip()
    if answer.decision == "respond" and not is_blank(text):
        return text
    raise NotAnswered(f"the answer was neither approval nor text ({answer.decision})", "refused")
