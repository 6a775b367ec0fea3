"""Gates: hooks that let a tool run only if a person approves the call.

A gate is a crewAI hook before each tool call. It fails closed: any error in it blocks the call,
where crewAI would let the tool run. ``public/approve_tools.py`` has the public function, and
``session.py`` registers the gates again if other code cleared all hooks. It uses
``gates/approval.py``, ``ask/form_schema.py`` and ``tasks/tool_calls.py``.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Final

from crewai.hooks import HookAborted, InterceptionPoint, get_hooks, register_hook, unregister_hook
from crewai.hooks.tool_hooks import ToolCallHookContext
from pydantic import PydanticUserError, ValidationError

from crewai_hitl_nb.kernel.ask.answer_types import error_list, errors_of
from crewai_hitl_nb.kernel.ask.form_schema import FormSchema, form_of
from crewai_hitl_nb.kernel.ask.forms import Form, WrongValues
from crewai_hitl_nb.kernel.asking import Asker, NotAnswered, is_the_default
from crewai_hitl_nb.kernel.gates.approval import tool_question
from crewai_hitl_nb.kernel.gates.hook_input import Rejected
from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, Terms
from crewai_hitl_nb.kernel.tasks.human_input import answer_text
from crewai_hitl_nb.kernel.tasks.tool_calls import ToolCall, call_of
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import Decision, HumanInputCompleted, Response, Round
from crewai_hitl_nb.protocol.rules import gated_call

_CONSOLE_MESSAGE: Final = "Type 'approve' to allow this call. Anything else blocks it:"

_MAX_FORM_CHARS: Final = limits.MAX_EVENT_BYTES // 8
"""Larger arguments can be approved or refused, but a form with them would not fit in an event."""


@dataclass(frozen=True)
class Guard:
    """Which calls a gate stops and how it asks.

    Attributes:
        tools: Patterns of tool names.
        agents: Patterns of agents' roles; empty for every agent.
        edit: Whether a person may change the arguments.
        prompt: The question that people see; blank for the usual one.
        terms: How long a question may wait.
        assignee: Who should answer.
    """

    tools: tuple[str, ...]
    agents: tuple[str, ...] = ()
    edit: bool = True
    prompt: str = ""
    terms: Terms = NO_TERMS
    assignee: str | None = None

    def stops(self, context: ToolCallHookContext) -> bool:
        """Say whether this call needs a person."""
        names = {context.tool_name, getattr(context.tool, "name", None) or context.tool_name}
        patterns = {*self.tools, *map(_as_crewai_names, self.tools)}
        if not _any_matches(names, patterns):
            return False
        role = getattr(context.agent, "role", None)
        # An agent without a known role is stopped, because a gate fails closed.
        return not self.agents or role is None or _any_matches({str(role)}, self.agents)


class Gate:
    """An active gate, returned by ``approve_tools()``; also a context manager.

    Args:
        guard: Which calls it stops.
        asker: Returns the asker to use now; None for the console.
    """

    def __init__(self, guard: Guard, asker: Callable[[], Asker | None]) -> None:
        self._guard = guard
        self._asker = asker

    def remove(self) -> None:
        """Let the tools run again without asking. May be called more than once."""
        GATES.remove(self)

    def __enter__(self) -> "Gate":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def __call__(self, context: ToolCallHookContext) -> None:
        """Called by crewAI before each tool call; returns once the call is approved.

        Raises:
            HookAborted: The call is not approved.
        """
        call = call_of(context)
        with call.asking():  # an error raised here ends the run
            try:
                if self._guard.stops(context) and not call.is_allowed:
                    self._let_a_person_decide(call, context)
            except HookAborted:
                raise
            except Exception as error:  # crewAI would ignore it and run the tool
                reason = f"the gate before {context.tool_name} failed: {error}"
                raise NotAnswered(reason, "refused") from error

    def _let_a_person_decide(self, call: ToolCall, context: ToolCallHookContext) -> None:
        asker = self._asker()
        if asker is None:
            _decide_on_the_console(call, context, self._guard)
        else:
            _Decision(self._guard, call, context, asker).make()
        call.is_allowed = True


class Gates:
    """The active gates of this process."""

    def __init__(self) -> None:
        self._gates: list[Gate] = []
        self._lock = threading.Lock()

    def add(self, gate: Gate) -> None:
        """Activate a gate."""
        with self._lock:
            self._gates.append(gate)
        self.ensure()

    def remove(self, gate: Gate) -> None:
        """Deactivate a gate if it is active."""
        with self._lock:
            if gate in self._gates:
                self._gates.remove(gate)
            unregister_hook(InterceptionPoint.PRE_TOOL_CALL, gate)

    def ensure(self) -> None:
        """Register every gate's hook after all other hooks, so that a person sees the final call.

        ``clear_all_hooks()`` may have removed them, and other hooks may have been added since.
        """
        with self._lock:
            for gate in self._gates:
                hooks = get_hooks(InterceptionPoint.PRE_TOOL_CALL)
                is_in = gate in hooks
                if is_in and all(isinstance(h, Gate) for h in hooks[hooks.index(gate) :]):
                    continue
                register_hook(InterceptionPoint.PRE_TOOL_CALL, gate)
                if is_in:  # remove the earlier one last, so that there is always a gate
                    unregister_hook(InterceptionPoint.PRE_TOOL_CALL, gate)


GATES: Final = Gates()
"""Process-wide on purpose, as crewAI's hooks are. They stay active after ``disable()``, so that a
tool that needs approval never runs without it."""


class _Decision:
    """The decision about one call, until a person approves or refuses it or nobody answers.

    Args:
        guard: How to ask.
        call: The call in question.
        context: crewAI's description of the call.
        asker: Asks the question.
    """

    def __init__(
        self, guard: Guard, call: ToolCall, context: ToolCallHookContext, asker: Asker
    ) -> None:
        self._guard = guard
        self._call = call
        self._context = context
        self._asker = asker
        self._history: list[Round] = []
        self._form = _arguments_form(context) if guard.edit else None
        self._errors: tuple[FieldError, ...] = ()

    def make(self) -> None:
        """Ask until the call is approved; apply edited arguments.

        Raises:
            Rejected: A person refused.
            NotAnswered: Nobody decided.
        """
        while True:
            answer = self._ask()
            if answer.decision == "approve":
                return
            if answer.decision == "reject":
                self._call.rejection = answer_text(answer)
                raise Rejected(answer_text(answer))
            if answer.decision != "edit" or self._form is None or answer.values is None:
                what = f"the answer was neither approval nor refusal ({answer.decision})"
                raise NotAnswered(what, "refused")
            if self._take(self._form, answer.values):
                return
            if is_the_default(answer):
                what = f"nobody decided, and the default is not valid: {error_list(self._errors)}"
                raise NotAnswered(what, "expired")  # asking again would not make it valid

    def _ask(self) -> HumanInputCompleted:
        guard, asker, call = self._guard, self._asker, self._call
        decisions: tuple[Decision, ...] = ("approve", "reject")
        if self._form is not None:
            decisions = (*decisions, "edit")
        if self._errors:  # the form shows other arguments than "approve" would run
            decisions = ("reject", "edit")
        question = tool_question(
            self._context,
            call.who,
            asker.waiter,
            guard.terms.over(asker.terms),
            prompt=guard.prompt,
            more=[("What is not valid", error_list(self._errors))],
            response=Response(
                decisions=decisions, schema=self._form.schema if self._form else None
            ),
            history=self._history,
            assignee=guard.assignee,
            call=gated_call(call.name, call.tool_input),
        )
        return asker.ask(question, call.who.agent)

    def _take(self, form: Form, values: Mapping[str, Any]) -> bool:
        """Apply edited arguments to the call; False if the tool does not accept them."""
        present = self._call.tool_input
        try:
            edited = {**present, **form.read(values)}
            self._context.tool.args_schema.model_validate(edited)  # type: ignore[union-attr]
        except (WrongValues, ValidationError) as refusal:
            self._errors = errors_of(refusal)
            self._history.append(Round(draft=as_json(present), feedback=as_json(values)))
            self._form = form.refilled(values)
            return False
        present.clear()  # in place, because crewAI runs the tool with this dict
        present.update(edited)
        return True


def _arguments_form(context: ToolCallHookContext) -> Form | None:
    """Return a form filled with a call's arguments; None if they cannot be edited."""
    schema = getattr(context.tool, "args_schema", None)
    if schema is None or not context.tool_input:
        return None  # without arguments crewAI passes a dict that it then ignores
    try:
        form = form_of(schema.model_json_schema(schema_generator=FormSchema), nested="json")
    except (ValueError, PydanticUserError):  # the latter for a type without a JSON Schema
        return None
    filled = form.filled_with(context.tool_input, required=True)
    too_large = len(as_json(filled.schema)) > _MAX_FORM_CHARS
    return None if too_large else filled


def _decide_on_the_console(call: ToolCall, context: ToolCallHookContext, guard: Guard) -> None:
    """Ask at crewAI's console, because there is no server."""
    arguments = as_json(call.tool_input)
    question = guard.prompt or f"May {call.who.role or 'the agent'} call {call.name}?"
    try:
        typed = context.request_human_input(f"{question}\n{arguments}", _CONSOLE_MESSAGE).strip()
    except EOFError:
        raise NotAnswered("nobody is at the console to approve the call", "refused") from None
    if typed.lower() != "approve":
        call.rejection = typed
        raise Rejected(typed)


def _as_crewai_names(pattern: str) -> str:
    """Convert a pattern to crewAI's form of tool names: ``Delete *`` becomes ``delete_*``."""
    return re.sub(r"[^a-z0-9*?\[\]!]+", "_", pattern.lower())


def _any_matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    folded = [pattern.casefold() for pattern in patterns]
    return any(fnmatchcase(name.casefold(), pattern) for name in names for pattern in folded)
