"""``approve_tools()``: a gate before tools, in one line.

Turns the bridge on and puts a gate in force. Below it are ``gates/gates.py`` and the session.
"""

import glob
from collections.abc import Iterable, Mapping
from typing import Any

from crewai.tools import BaseTool

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.gates.gates import GATES, Gate, Rule
from crewai_hitl_nb.kernel.questions.terms import OnExpiry, Terms
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds


def approve_tools(  # noqa: PLR0913 - options of a public call, by name
    tools: str | BaseTool | Iterable[str | BaseTool],
    *,
    agents: str | Iterable[str] | None = None,
    edit: bool = True,
    prompt: str | None = None,
    assignee: str | None = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    default: Mapping[str, Any] | None = None,
) -> Gate:
    """Let these tools run only when a person allows the call.

    From here on, in every cell and thread, until the gate is removed: by ``remove()``, or
    at the end of a ``with`` block. It stays in force over ``disable()``; a call that it
    stops turns the bridge on again. Whatever fails, the tool does not run.

    Args:
        tools: Patterns of tool names such as ``"delete_*"``, as the tools are called or as
            crewAI writes their names for models, or the tools themselves. Letter case makes no
            difference.
        agents: Only calls of agents whose role matches one of these patterns.
        edit: Whether a person may change the arguments before they allow the call.
        prompt: What people are asked.
        assignee: Who should answer.
        timeout: Seconds, or a ``timedelta``, until the deadline; when it passes, the run ends.
        remind_after: Seconds until those who look are told again.
        on_expiry: ``fail``, ``default`` or ``wait``.
        default: The answer for ``on_expiry="default"``, e.g. ``{"decision": "reject"}``.

    Raises:
        ValueError: No tool is named, or a time or a policy does not fit.
        WrongArgument: An argument is of the wrong kind.
    """
    if default is not None:
        default = arguments.mapping("default", "a dict such as {'decision': 'reject'}", default)
    rule = Rule(
        tools=_patterns("tools", _names(tools)),
        agents=() if agents is None else _patterns("agents", agents),
        edit=arguments.yes_or_no("edit", edit),
        prompt=arguments.text_or_none("prompt", prompt) or "",
        terms=Terms.of(timeout, remind_after, on_expiry, default),
        assignee=arguments.text_or_none("assignee", assignee),
    )
    session()
    gate = Gate(rule, _asker)
    GATES.add(gate)
    return gate


def _asker() -> Asker | None:
    return session().asker()


def _names(tools: object) -> object:
    """Return the names of tools that were given themselves, since that can only mean them."""
    if isinstance(tools, str | BaseTool):
        tools = [tools]
    if not isinstance(tools, Iterable) or isinstance(tools, Mapping):
        return tools
    return [glob.escape(one.name) if isinstance(one, BaseTool) else one for one in tools]


def _patterns(name: str, given: object) -> tuple[str, ...]:
    patterns = arguments.texts(name, given)
    if not patterns or not all(pattern.strip() for pattern in patterns):
        raise ValueError(f"{name}: name at least one pattern, e.g. approve_tools(['delete_*'])")
    return patterns
