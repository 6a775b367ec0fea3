"""Answers: what a person sends, and whether the request accepts it.

One function, :func:`accept`, holds the rule for every surface: the card, ``curl``, the command
line, the console. Nothing blank, unknown or failed ever becomes an approval, with one exception:
blank feedback *sent by a person* accepts a draft under review (:data:`REVIEWS`) where the request
offers ``approve``, which is crewAI's own rule for a task's human input. A tool call or a model
call needs an explicit decision.
"""

from typing import Annotated, Any, Final

import msgspec

from crewai_hitl_nb.protocol import form_values, ids, limits
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.errors import FieldError, InvalidAnswer
from crewai_hitl_nb.protocol.events import (
    Decision,
    Feedback,
    HumanInputRequired,
    Kind,
    Option,
    Response,
    RuleScope,
    Via,
)

REVIEWS: Final[frozenset[Kind]] = frozenset({"task_feedback", "training_feedback", "flow_feedback"})
"""The kinds that show a person a draft. Blank feedback accepts only these."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer, as sent.

    Attributes:
        human_feedback: Free text; what blank means depends on the request.
        decision: What the person decided; None derives it from the rest (see :func:`accept`).
        option: One option; short for ``options: [option]``.
        options: The chosen options.
        values: The filled form.
        rule: What else the person allows with it (``rules.py``).
        via: The surface: card, inbox, lab, cli, api, console …
        idempotency_key: A repeat with the same key and content counts as the same answer.
    """

    human_feedback: Feedback = ""
    decision: Decision | None = None
    option: Option | None = None
    options: tuple[Option, ...] | None = None
    values: dict[str, Any] | None = None
    rule: RuleScope | None = None
    via: Via = "api"
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class AcceptedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the request accepts, with its decision."""

    human_feedback: str
    decision: Decision
    options: tuple[str, ...] | None
    values: dict[str, Any] | None


def answer_from_wire(raw: object, idempotency_key: str | None = None) -> Answer:
    """Decode an answer's JSON object.

    Args:
        raw: The decoded JSON value.
        idempotency_key: From the ``Idempotency-Key`` header; wins over the body's.

    Raises:
        InvalidAnswer: Names the wrong field and the reason.
    """
    if not isinstance(raw, dict):
        raise InvalidAnswer.at(
            "", 'an answer must be a JSON object such as {"human_feedback": "…"}'
        )
    try:
        answer = msgspec.convert({k: v for k, v in raw.items() if v is not None}, Answer)
        if idempotency_key is not None:
            answer = msgspec.convert(
                {**msgspec.to_builtins(answer), "idempotency_key": idempotency_key}, Answer
            )
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise InvalidAnswer.at(where.rstrip("`").lstrip("."), what) from None
    key = answer.idempotency_key
    if key is not None and (wrong := ids.complaint(key)) is not None:
        raise InvalidAnswer.at("idempotency_key", wrong)
    return answer


def accept(request: HumanInputRequired, answer: Answer) -> AcceptedAnswer:
    """Determine the decision and check the answer against what the request allows.

    Without a decision, options, values or text mean ``respond``. An empty answer accepts a draft
    under review and is refused everywhere else.

    Raises:
        InvalidAnswer: Names the wrong field; the request stays open.
    """
    response = request.response
    options = _chosen(response, answer)
    decision = answer.decision or _implied(request, answer, options)
    if decision not in response.decisions:
        allowed = ", ".join(response.decisions)
        raise InvalidAnswer.at(
            "decision", f"this request does not offer `{decision}`; send one of: {allowed}"
        )
    _check_options(response, options)
    if answer.values is not None and response.schema is None:
        raise InvalidAnswer.at("values", "this request has no form; send `human_feedback` instead")
    if decision in ("respond", "edit"):
        _check_content(response, answer, options, decision)
    return AcceptedAnswer(
        human_feedback=answer.human_feedback,
        decision=decision,
        options=options,
        values=answer.values,
    )


def _chosen(response: Response, answer: Answer) -> tuple[str, ...] | None:
    if answer.option is not None and answer.options is not None:
        raise InvalidAnswer.at("option", "send `option` or `options`, not both")
    if answer.option is not None:
        return (answer.option,)
    if answer.options is not None:
        return answer.options
    text = answer.human_feedback.strip()
    # A script that knows only the event-streaming guide's fields sends an option as its text.
    if response.options is not None and text in response.options:
        return (text,)
    return None


def _implied(
    request: HumanInputRequired, answer: Answer, options: tuple[str, ...] | None
) -> Decision:
    # Empty options or values still count as a response; the checks below refuse them.
    if options is not None or answer.values is not None or not is_blank(answer.human_feedback):
        return "respond"
    decisions = request.response.decisions
    if request.kind in REVIEWS and "approve" in decisions:
        return "approve"
    raise InvalidAnswer.at(
        "human_feedback",
        "must not be blank: only a draft under review is accepted by a blank answer; send text, "
        f"or a `decision` ({', '.join(decisions)})",
    )


def _check_content(
    response: Response, answer: Answer, options: tuple[str, ...] | None, decision: Decision
) -> None:
    # Where the request offers `edit`, the form is for editing, and text alone is a response.
    fills_form = decision == "edit" or "edit" not in response.decisions or answer.values
    if response.schema is not None and fills_form:
        if answer.values is None:
            raise InvalidAnswer.at("values", "fill the form: send `values` as an object")
        if errors := form_values.form_errors(response.schema, answer.values):
            raise InvalidAnswer(errors)
    elif response.options is not None:
        if not options:
            raise InvalidAnswer.at("options", f"choose from: {', '.join(response.options)}")
    elif is_blank(answer.human_feedback):
        raise InvalidAnswer.at(
            "human_feedback",
            "must not be blank in a response; send text or another decision",
        )


def _check_options(response: Response, options: tuple[str, ...] | None) -> None:
    if options is None:
        return
    if response.options is None:
        raise InvalidAnswer.at(
            "options", "this request has no options; send `human_feedback` instead"
        )
    if len(options) > 1 and not response.multiple:
        raise InvalidAnswer.at("options", "choose only one option")
    if len(options) > limits.MAX_OPTIONS:
        raise InvalidAnswer.at("options", f"choose at most {limits.MAX_OPTIONS} options")
    known = form_values.shortened(", ".join(response.options))
    wrong = tuple(
        FieldError(f"options.{i}", f"`{option}` is not an option; choose from: {known}")
        for i, option in enumerate(options)
        if option not in response.options
    )
    if wrong:
        raise InvalidAnswer(wrong)
