"""Turns what people decide about a request into events: an answer, a claim or a cancellation.

Above is the broker; below is the store, whose commit alone decides which of several answers wins.
``answers.py`` checks an answer, ``closers.py`` closes requests that nobody decided about.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec

from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.requests import answers, closers
from crewai_hitl_nb.broker.requests.open_requests import OpenRequests
from crewai_hitl_nb.broker.requests.rules import Rules
from crewai_hitl_nb.protocol import ids, state
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import EventExists, InvalidAnswer
from crewai_hitl_nb.protocol.events import AnsweredBy, CancelReason, HumanInputClaimed, about
from crewai_hitl_nb.protocol.rules import made_for, not_a_person
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import Appended, KeyScope, Store


class Decisions:
    """Stores the answers, claims and cancellations of requests."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        names: StableEventIds,
        open_requests: OpenRequests,
        find: Callable[[str], Awaitable[Request]],
        rules: Rules,
        askers: Mapping[str, str],
    ) -> None:
        """Take the broker's store, which the broker starts and closes.

        Args:
            store: Where events are kept.
            clock: The wall clock, aware.
            names: Makes the ids of answers with an Idempotency-Key.
            open_requests: What is kept of them in memory.
            find: Reads a request from the log; raises UnknownRequest.
            rules: Keeps the rules that answers make.
            askers: Who asked the open requests, where that is known.
        """
        self._store = store
        self._clock = clock
        self._names = names
        self._open = open_requests
        self._find = find
        self._rules = rules
        self._askers = askers

    async def answer(
        self, request_id: str, answer: Answer, name: str, caller: str, *, on_page: bool
    ) -> Appended:
        """Answer a request in the name of a person; ``caller`` is who they are to the server.

        Who asked a request makes no rule with its answer, unless it comes from the server's own
        page (``on_page``).

        Raises:
            Forbidden: They may not make a rule.
            InvalidAnswer: The answer does not fit; the request stays open.
            UnknownRequest: It was never asked here.
            Settled: It has ended; the error says how.
        """
        answer = _of_one_maker(answer, caller)
        required, now = self._open.whole(request_id), self._clock()
        asked_by = self._askers.get(request_id)
        if answer.rule is not None and asked_by == caller and not on_page:
            raise not_a_person()
        asker = self._rules.asker(asked_by)
        if required is not None:
            event = answers.completed(required, answer, name, now, self._names, asker)
        else:
            stored = await self._find(request_id)
            asker = made_for(stored.completion) or asker
            try:
                event = answers.completed(stored.required, answer, name, now, self._names, asker)
            except InvalidAnswer:
                if stored.status == "pending":
                    raise
                # To its sender it matters more that it came too late than what is wrong with it.
                raise state.closed_error(request_id, stored) from None
        try:
            (result,) = await self._rules.stored(event, caller)
        except EventExists:  # the same words under the same key, and another person's
            request = await self._find(request_id)
            if request.completion is None:
                raise
            raise state.closed_error(request_id, request) from None
        return result

    async def claim(self, request_id: str, name: str, via: str) -> Appended:
        """Record that a person is working on an answer. Raises like :meth:`answer`."""
        required = (await self._find(request_id)).required
        (result,) = await self._store.append(
            [
                HumanInputClaimed(
                    event_id=ids.new_event_id(),
                    timestamp=self._clock(),
                    **about(required),
                    claimed_by=AnsweredBy(name=name, via=via),
                )
            ]
        )
        return result

    async def cancel(
        self, request_id: str, reason: CancelReason, message: str, within: KeyScope | None
    ) -> Appended:
        """Close a request without an answer.

        Raises:
            Forbidden: Its execution is outside of ``within``, or belongs to another caller.
            UnknownRequest: It was never asked here.
            Settled: It has ended; the error says how.
        """
        required = (await self._find(request_id)).required
        event = closers.cancelled(required, reason, message, self._clock())
        if within is None:
            (result,) = await self._store.append([event])
        else:
            (result,) = await self._store.append_scoped([event], within)
        return result


def _of_one_maker(answer: Answer, caller: str) -> Answer:
    """Return an answer whose event id, if it makes a rule, is that of no other caller's answer.

    A rule has the id of its answer, and what is noted about its maker stands under that id.
    """
    if answer.rule is None or answer.idempotency_key is None:
        return answer
    key = msgspec.json.encode([caller, answer.idempotency_key]).decode()
    return msgspec.structs.replace(answer, idempotency_key=key)
