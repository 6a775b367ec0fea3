"""crewAI's provider of input for flows: what ``Flow.ask()`` asks.

Below it are ``flows/question.py`` and ``asking.py``; above it is crewAI, into which
``flows/patches.py`` puts it. crewAI turns every failure of a provider into None, which a flow takes
for "nobody is there any more" or worse; so ``Flow.ask`` is patched for this provider only:

=====================================  ==================================================
a person answers                       their text
crewAI's own ``timeout`` passes        None, as crewAI documents it
interrupted, withdrawn, refused, or    ``NotAnswered``, which ends the flow
a deadline of any other origin passes
=====================================  ==================================================

The rest (events, history, the checkpoint of the state) stays crewAI's.
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
from crewai_hitl_nb.kernel.flows.question import Wishes, input_question, wishes_of
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.kernel.tasks.human_input import said_of


@dataclass
class _Turn:
    """One ``Flow.ask()`` on its way through crewAI's code."""

    wishes: Wishes
    failure: BaseException | None = None


_turn: ContextVar[_Turn | None] = ContextVar("crewai_hitl_flow_ask", default=None)


class FlowInput:
    """Asks through the bridge; where there is none, as crewAI itself would.

    Args:
        asker: Returns whom to ask through now; None for crewAI's own console prompt.
    """

    def __init__(self, asker: Callable[[], Asker | None]) -> None:
        self.asker = asker

    def request_input(
        self, message: str, flow: Flow[Any], metadata: dict[str, Any] | None = None
    ) -> str | InputResponse | None:
        """Return what a person says.

        Raises:
            NotAnswered: Nobody said anything.
        """
        asker = self.asker()
        if asker is None:
            return ConsoleProvider().request_input(message, cast(Any, flow), metadata)
        turn = _turn.get() or _Turn(_wishes(metadata, None, asker))
        method = current_flow_method_name.get(None)
        question = input_question(message, turn.wishes, flow, method, asker.waiter)
        try:
            answer = asker.ask(question, flow)
        except BaseException as error:
            turn.failure = error  # crewAI would drop it
            raise
        by = answer.answered_by
        return InputResponse(
            text=said_of(answer),
            metadata={
                "request_id": question.request_id,
                "answered_by": None if by is None else by.name,
            },
        )


class AskPatch:
    """Lets ``Flow.ask()`` tell a person's answer from all else, until :meth:`remove`.

    Args:
        provider: The one that it is for.
    """

    def __init__(self, provider: FlowInput) -> None:
        self._provider = provider
        self._active = True
        self._original = Flow.ask
        self._ours = self._telling_apart(Flow.ask)
        Flow.ask = self._ours  # type: ignore[method-assign]

    def remove(self) -> None:
        """Put crewAI's own method back."""
        self._active = False  # for whoever wrapped ours meanwhile and keeps calling it
        if Flow.ask is self._ours:
            Flow.ask = self._original  # type: ignore[method-assign]

    def _telling_apart(self, original: Callable[..., str | None]) -> Callable[..., str | None]:
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
            turn = _Turn(_wishes(metadata, timeout, asker))
            token = _turn.set(turn)
            try:
                # Without its timeout: the question has the deadline, and the server keeps it.
                answer = original(flow, message, None, metadata)
            finally:
                _turn.reset(token)
            if turn.failure is not None and not (timeout is not None and _expired(turn.failure)):
                raise turn.failure
            return answer

        return ask


def _wishes(metadata: dict[str, Any] | None, timeout: float | None, asker: Asker) -> Wishes:
    """Return what was said about the question, over what holds for all.

    Raises:
        ValueError: A wish that is none.
    """
    wishes = wishes_of(metadata)
    terms = wishes.terms
    if timeout is not None:
        # crewAI's timeout is a promise to return None: no default of the bridge stands in.
        terms = Terms(
            timeout,
            terms.remind_after,
            terms.on_expiry or ("fail" if terms.default is None else None),
            terms.default,
        )
    return replace(wishes, terms=terms.over(asker.terms))


def _expired(error: BaseException) -> bool:
    return isinstance(error, NotAnswered) and error.ending == "expired"
