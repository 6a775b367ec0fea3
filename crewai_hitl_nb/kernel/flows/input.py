"""The input provider for flows: asks the questions of ``Flow.ask()``.

It uses ``flows/question.py`` and ``asking.py``; ``flows/patches.py`` installs it. crewAI turns
every failure of a provider into None, which a flow may read as "nobody is there" or worse. So
``Flow.ask`` is patched, for this provider only:

=====================================  ==================================================
a person answers                       their text
crewAI's own ``timeout`` passes        None, as crewAI documents it
interrupted, withdrawn, refused, or    ``NotAnswered``, which ends the flow
a deadline of any other origin passes
=====================================  ==================================================

crewAI still does the rest (events, history, the checkpoint of the state).
"""

import functools
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, cast

from crewai.flow.async_feedback.providers import ConsoleProvider
from crewai.flow.flow_context import current_flow_method_name
from crewai.flow.input_provider import InputResponse
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import Asker, NotAnswered
from crewai_hitl_nb.kernel.flows.question import QuestionSettings, input_question, settings_in
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.kernel.tasks.human_input import answer_text


@dataclass
class _Turn:
    """One call of ``Flow.ask()`` while crewAI handles it."""

    settings: QuestionSettings
    failure: BaseException | None = None


_turn: ContextVar[_Turn | None] = ContextVar("crewai_hitl_flow_ask", default=None)


class FlowInput:
    """Asks through the bridge; without a server, it asks as crewAI itself would.

    Args:
        asker: Returns the asker to use now; None for crewAI's own console prompt.
    """

    def __init__(self, asker: Callable[[], Asker | None]) -> None:
        self.asker = asker

    def request_input(
        self, message: str, flow: Flow[Any], metadata: dict[str, Any] | None = None
    ) -> str | InputResponse | None:
        """Return a person's answer.

        Raises:
            NotAnswered: Nobody answered.
        """
        asker = self.asker()
        if asker is None:
            return ConsoleProvider().request_input(message, cast(Any, flow), metadata)
        turn = _turn.get() or _Turn(_settings(metadata, None, asker))
        method = current_flow_method_name.get(None)
        question = input_question(message, turn.settings, flow, method, asker.waiter)
        try:
            answer = asker.ask(question, flow)
        except BaseException as error:
            turn.failure = error  # crewAI would discard it
            raise
        by = answer.answered_by
        return InputResponse(
            text=answer_text(answer),
            metadata={
                "request_id": question.request_id,
                "answered_by": None if by is None else by.name,
            },
        )


class AskPatch:
    """Makes ``Flow.ask()`` raise the provider's failures instead of returning None.

    Active from construction to :meth:`remove`.

    Args:
        provider: The provider that the patch applies to.
    """

    def __init__(self, provider: FlowInput) -> None:
        self._provider = provider
        self._active = True
        self._original = Flow.ask
        self._ours = self._raising_failures(Flow.ask)
        Flow.ask = self._ours  # type: ignore[method-assign]

    def remove(self) -> None:
        """Put crewAI's own method back."""
        self._active = False  # other code may have wrapped our method and still call it
        if Flow.ask is self._ours:
            Flow.ask = self._original  # type: ignore[method-assign]

    def _raising_failures(self, original: Callable[..., str | None]) -> Callable[..., str | None]:
        @functools.wraps(original)
        def ask(
            flow: Flow[Any],
            message: str,
            timeout: float | None = None,
            metadata: dict[str, Any] | None = None,
        ) -> str | None:
            if not self._active or flow._resolve_input_provider() is not self._provider:
                return original(flow, message, timeout, metadata)
            asker = self._provider.asker()
            if asker is None:
                return original(flow, message, timeout, metadata)
            turn = _Turn(_settings(metadata, timeout, asker))
            token = _turn.set(turn)
            try:
                # Without the timeout: it is the question's deadline, which the server enforces.
                answer = original(flow, message, None, metadata)
            finally:
                _turn.reset(token)
            if turn.failure is not None and not (timeout is not None and _expired(turn.failure)):
                raise turn.failure
            return answer

        return ask


def _settings(
    metadata: dict[str, Any] | None, timeout: float | None, asker: Asker
) -> QuestionSettings:
    """Return the question's settings, completed with those that apply to all questions.

    Raises:
        ValueError: A setting is not valid.
    """
    settings = settings_in(metadata)
    terms = settings.terms
    if timeout is not None:
        # crewAI promises to return None at its timeout, so the bridge's default does not apply.
        terms = Terms(
            timeout,
            terms.remind_after,
            terms.on_expiry or ("fail" if terms.default is None else None),
            terms.default,
        )
    return replace(settings, terms=terms.over(asker.terms))


def _expired(error: BaseException) -> bool:
    return isinstance(error, NotAnswered) and error.ending == "expired"
