"""``approve_tools()``: requires a person's approval before tools run, in one line.

It enables the bridge and activates a gate. It uses ``gates/gates.py`` and the session.
"""

import glob
from collections.abc import Iterable, Mapping
from typing import Any

from crewai.tools import BaseTool

from crewai_hitl_nb.kernel import session
from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.gates.gates import GATES, Gate, Guard
from crewai_hitl_nb.kernel.questions.terms import OnExpiry, Terms
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.tracebacks import short_traceback


@short_traceback
def approve_tools(  # noqa: PLR0913 - keyword arguments of a public function
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
    """Let these tools run only if a person approves the call.

    This applies from now on in every cell and thread, until the gate is removed with ``remove()``
    or at the end of a ``with`` block. ``disable()`` does not remove it; a call that it stops
    enables the bridge again. If anything fails, the tool does not run.

    Args:
        tools: Patterns of tool names such as ``"delete_*"``, or the tools themselves. A pattern
            matches a tool's own name and the form in which crewAI gives it to models. Letter
            case is ignored.
        agents: Only calls of agents whose role matches one of these patterns.
        edit: Whether a person may change the arguments before they approve the call.
        prompt: The question that people see.
        assignee: Who should answer.
        timeout: Time until the deadline, in seconds or as a ``timedelta``; when it passes, the
            run ends.
        remind_after: Time until a reminder is sent, in seconds or as a ``timedelta``.
        on_expiry: What happens at the deadline: ``fail``, ``default`` or ``wait``.
        default: The answer for ``on_expiry="default"``, e.g. ``{"decision": "reject"}``.

    Returns:
        The gate, which is also a context manager.

    Raises:
        ValueError: No tool is named, or a time or policy is not valid.
        WrongArgument: An argument has the wrong type.
    """
    if default is not None:
        default = arguments.mapping("default", "a dict such as {'decision': 'reject'}", default)
    guard = Guard(
        tools=_patterns("tools", _names(tools)),
        agents=() if agents is None else _patterns("agents", agents),
        edit=arguments.yes_or_no("edit", edit),
        prompt=arguments.text_or_none("prompt", prompt) or "",
        terms=Terms.of(timeout, remind_after, on_expiry, default),
        assignee=arguments.text_or_none("assignee", assignee),
    )
    session()
    gate = Gate(guard, _asker)
    GATES.add(gate)
    return gate


def _asker() -> Asker | None:
    return session().asker()


def _names(tools: object) -> object:
    """Return the given names, with each tool object replaced by its name."""
    if isinstance(tools, str | BaseTool):
        tools = [tools]
    if not isinstance(tools, Iterable) or isinstance(tools, Mapping):
        return tools
    return [glob.escape(one.name) if isinstance(one, BaseTool) else one for one in tools]


def _patterns(name: str, given: object) -> tuple[str, ...]:
    patterns = arguments.texts(name, given)
    if not patterns or not all(pattern.strip() for pattern in patterns):
        raise ValueError(f"{name}: give at least one pattern, e.g. approve_tools(['delete_*'])")
    return patterns
