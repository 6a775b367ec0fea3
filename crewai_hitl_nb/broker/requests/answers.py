"""Arbitration: of any number of answers to a request exactly one wins.

The answer is checked against the request, becomes a ``human_input_completed`` event, and
is appended; the store refuses a second closing event, so the commit alone decides. With an
Idempotency-Key the event's id is made from the request, the key and the content
(``event_names.py``): the same answer sent again is the same event and gets the same reply; with
other words, or from another person, it is another answer and loses.
"""

from datetime import datetime
from typing import Any

import msgspec

from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.protocol import ids, rules
from crewai_hitl_nb.protocol.answer import AcceptedAnswer, Answer, accept, answer_from_wire
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    HumanInputCompleted,
    HumanInputRequired,
    RequestEvent,
    about,
)


def completed(
    required: HumanInputRequired,
    answer: Answer,
    name: str,
    now: datetime,
    names: StableEventIds,
    asker: str | None = None,
) -> HumanInputCompleted:
    """Return the event that the answer becomes if it wins.

    Args:
        required: The question.
        answer: The answer.
        name: Who gives it.
        now: The time.
        names: Makes the ids of answers with an Idempotency-Key.
        asker: Stands for the caller who asked, in the rule that the answer makes.

    Raises:
        InvalidAnswer: The request does not accept it; it names the field, and the request stays
            open.
    """
    accepted = accept(required, answer)
    if answer.rule is not None and accepted.decision != "approve":
        raise InvalidAnswer.at("rule", "only an approval makes a rule; leave `rule` out")
    return HumanInputCompleted(
        event_id=_event_id(names, required.request_id, answer, accepted),
        timestamp=now,
        **about(required),
        human_feedback=accepted.human_feedback,
        decision=accepted.decision,
        options=accepted.options,
        values=accepted.values,
        answered_by=AnsweredBy(name=name, via=answer.via),
        rule=msgspec.UNSET if answer.rule is None else rules.made(required, answer.rule, asker),
    )


def settled(required: HumanInputRequired, event: RequestEvent) -> RequestEvent:
    """Return a published answer with the decision that :func:`accept` gives it.

    Other events of a request are returned unchanged.

    Raises:
        InvalidAnswer: The request does not accept it.
    """
    if not isinstance(event, HumanInputCompleted):
        return event
    accepted = accept(
        required,
        Answer(
            human_feedback=event.human_feedback,
            decision=event.decision,
            options=event.options,
            values=event.values,
        ),
    )
    return msgspec.structs.replace(event, decision=accepted.decision, options=accepted.options)


def _event_id(
    names: StableEventIds, request_id: str, answer: Answer, accepted: AcceptedAnswer
) -> str:
    if answer.idempotency_key is None:
        return ids.new_event_id()
    content = ["answer", request_id, answer.idempotency_key, accepted]
    if answer.rule is not None:
        content.append(answer.rule)
    said = msgspec.json.encode(content, order="deterministic")
    return names.of(said.decode())


def default_answer(required: HumanInputRequired) -> Answer:
    """Return the explicit default of a request as an answer.

    A default is an answer's body (``{"option": …}``), the values of a form, an option, or
    a text to respond with. It is checked like any other answer, with one exception: a default
    approves only if it says so, because no person stayed silent.

    Raises:
        InvalidAnswer: It is not one of these.
    """
    default, response = required.response.default, required.response
    if isinstance(default, dict) and not _is_body(default, response.schema):
        default = {"values": default}
    elif isinstance(default, str):
        default = {"human_feedback": default, "decision": "respond"}
    elif isinstance(default, list):
        default = {"options": default}
    answer = answer_from_wire(default)
    return msgspec.structs.replace(
        answer, decision=answer.decision or "respond", via="default", rule=None
    )


def _is_body(default: dict[str, Any], form: dict[str, Any] | None) -> bool:
    """Whether a default is an answer's body; otherwise it is the values of the form."""
    if form is None:
        return True
    fields = form.get("properties", {})
    return any(name in default and name not in fields for name in ("values", "decision"))
