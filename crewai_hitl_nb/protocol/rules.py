"""Rules: a person who allows a gated tool call may allow further calls with the same answer.

A rule is part of the answer that made it (``HumanInputCompleted.rule``), so the commit that decides
whose answer wins also decides whether there is a rule, and the answer's event id is the rule's id.
It ends when its time is over, or with the event that :func:`revoked` makes. The server closes a
call that a rule allows with an answer that names the rule (``by_rule``).

Pure. The rule above all: whatever is missing, unknown or ambiguous, the person is asked. Above is
``broker/requests/rules.py``, which finds the rules of a log.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import Forbidden, InvalidAnswer, NotFound
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    GatedCall,
    HumanInputCompleted,
    HumanInputRequired,
    Rule,
    RuleScope,
    UnknownEvent,
)

REVOKED_TYPE: Final = "human_input_rule_revoked"
"""The type of the event that ends a rule; its prefix is reserved for the server."""

VIA: Final = "rule"
"""The surface of an answer that a rule gave."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with the question and the answer that made it.

    Attributes:
        rule: What it allows.
        required: The question.
        made: The answer; its event id is the rule's id.
    """

    rule: Rule
    required: HumanInputRequired
    made: HumanInputCompleted

    @property
    def expires_at(self) -> datetime:
        """When its time is over."""
        return self.made.timestamp + timedelta(hours=self.rule.hours)


def standing(required: HumanInputRequired, made: object) -> Standing | None:
    """Return the rule that an answer made, or None if it made none."""
    if not isinstance(made, HumanInputCompleted) or isinstance(made.rule, msgspec.UnsetType):
        return None
    if made.decision != "approve" or made.by_rule or made.answered_by is None:
        return None
    return Standing(rule=made.rule, required=required, made=made)


def scopes(required: HumanInputRequired) -> tuple[RuleScope, ...]:
    """Return the scopes that a rule may have that is made with an answer to this question."""
    call = _call(required)
    if call is None:
        return ()
    run = required.execution_id is not None
    source = required.source
    found: dict[RuleScope, bool] = {
        "run": run,
        "arguments": run and call.arguments is not None,
        "notebook": bool(source.notebook and source.agent_role),
    }
    return tuple(scope for scope, offered in found.items() if offered)


def made(required: HumanInputRequired, scope: RuleScope, asker: str | None) -> Rule:
    """Return the rule that a person makes with an approval.

    Args:
        required: The question.
        scope: How far the rule reaches.
        asker: Stands for the caller who asked; None if that is not known.

    Raises:
        InvalidAnswer: No such rule can be made with an answer to this question.
    """
    call = _call(required)
    if call is None or asker is None or scope not in scopes(required):
        offered = ", ".join(scopes(required)) if asker is not None else ""
        raise InvalidAnswer.at(
            "rule",
            f"no rule `{scope}` can be made here (possible: {offered or 'none'}); leave `rule` out",
        )
    return Rule(
        scope=scope,
        tool=call.tool,
        asker=asker,
        hours=limits.NOTEBOOK_RULE_HOURS if scope == "notebook" else limits.RUN_RULE_HOURS,
        execution_id=None if scope == "notebook" else required.execution_id,
        arguments=call.arguments if scope == "arguments" else None,
        agent=required.source.agent_role if scope == "notebook" else None,
        notebook=required.source.notebook if scope == "notebook" else None,
    )


def made_for(answer: object) -> str | None:
    """Return what stands for the asker in the rule of an answer, or None without one.

    An answer that is sent again after it won is compared with the stored one.
    """
    rule = answer.rule if isinstance(answer, HumanInputCompleted) else None
    return rule.asker if isinstance(rule, Rule) else None


def allows(one: Standing, required: HumanInputRequired, asker: str, now: datetime) -> bool:
    """Say whether a rule allows a call; whether it was revoked is for the log to say.

    Args:
        one: The rule.
        required: The question about the call.
        asker: Stands for the caller who asks it.
        now: The time.
    """
    rule, call = one.rule, _call(required)
    if call is None or rule.scope not in scopes(required) or rule.asker != asker:
        return False
    if rule.tool != call.tool or not one.made.timestamp <= now < one.expires_at:
        return False
    if rule.scope == "notebook":
        source = required.source
        return (rule.notebook, rule.agent) == (source.notebook, source.agent_role)
    same_run = rule.execution_id == required.execution_id
    return same_run and (rule.scope == "run" or rule.arguments == call.arguments)


def _call(required: HumanInputRequired) -> GatedCall | None:
    """Return the call that waits at a gate, if a rule may decide about it.

    A question for a named person is theirs. A field that demands more than one person's answer
    belongs into this test, too: ``tests/protocol/test_rules.py`` fails for every new field.
    """
    call = required.call
    if isinstance(call, msgspec.UnsetType) or required.kind != "tool_approval":
        return None
    is_free = required.assignee is None and "approve" in required.response.decisions
    return call if is_free else None


def gated_call(tool: str, arguments: object) -> GatedCall | None:
    """Return a call as rules compare it; None if its name is blank or too long."""
    if not 0 < len(tool) <= limits.MAX_RULE_CHARS:
        return None
    return GatedCall(tool=tool, arguments=arguments_text(arguments))


def arguments_text(arguments: object) -> str | None:
    """Return a call's arguments in one form, so that equal texts are equal arguments.

    Returns:
        None if they hold anything but JSON's own types, or if the text is too long.
    """
    if not isinstance(arguments, Mapping) or not _is_plain(dict(arguments), 0):
        return None
    text = json.dumps(dict(arguments), sort_keys=True, separators=(",", ":"))
    return text if len(text) <= limits.MAX_RULE_CHARS else None


def _is_plain(value: object, depth: int) -> bool:
    if depth > limits.MAX_JSON_DEPTH:
        return False
    kind = type(value)  # a subclass may print as another value
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    if kind is list:
        return all(_is_plain(one, depth + 1) for one in value)  # type: ignore[attr-defined]
    if kind is dict:
        items = value.items()  # type: ignore[attr-defined]
        return all(type(name) is str and _is_plain(one, depth + 1) for name, one in items)
    return kind in (str, int, bool, type(None))


def revoked(one: Standing, by: AnsweredBy, event_id: str, now: datetime) -> UnknownEvent:
    """Return the event that ends a rule."""
    required = one.required
    return UnknownEvent(
        type=REVOKED_TYPE,
        event_id=event_id,
        timestamp=now,
        execution_id=required.execution_id,
        crew_id=required.crew_id,
        fields={
            "execution_id": required.execution_id,
            "crew_id": required.crew_id,
            "rule_id": one.made.event_id,
            "tool": one.rule.tool,
            "revoked_by": msgspec.to_builtins(by),
        },
    )


def not_a_person() -> Forbidden:
    """Return the error for a process that would allow its own calls."""
    return Forbidden(
        "a rule is made by a person, not with the key of the process that asks; answer on the"
        " server's own page (with a key of your own, where people have keys), or leave `rule` out"
    )


def unknown_rule(rule_id: str) -> NotFound:
    """Return the error for a rule that this log does not have."""
    return NotFound(
        f"there is no rule `{rule_id}`; `crewai-hitl rules` (or GET rules) lists those that stand"
    )


def rule_to_wire(one: Standing) -> dict[str, Any]:
    """Return a rule as a listing shows it."""
    rule, source = one.rule, one.required.source
    return {
        "rule_id": one.made.event_id,
        "request_id": one.required.request_id,
        "scope": rule.scope,
        "tool": rule.tool,
        "arguments": rule.arguments,
        "agent": rule.agent,
        "notebook": rule.notebook,
        "execution_id": rule.execution_id,
        "crew_name": source.crew_name,
        "made_by": msgspec.to_builtins(one.made.answered_by),
        "made_at": one.made.timestamp,
        "expires_at": one.expires_at,
    }
