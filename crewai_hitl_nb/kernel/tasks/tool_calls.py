"""Tracks an agent's tool call from the hooks before it to the hooks after it.

Code that asks a person during a tool call (a user's hook, a gate, a tool) finds here who calls the
tool. This module also enforces the rule that **a question without an answer ends the run.** crewAI
alone would only block that one call, or report an error to the agent and continue; it would even
run a tool that raises several times more, which would ask the person each time. So the failure is
remembered with the call: the same call asks nothing more, and the hooks after it and before the
next model call raise it again, where crewAI lets a ``HookAborted`` end the run cleanly.

Code that catches :class:`NotAnswered` itself may continue. The hooks' input, the gates and
``public/ask.py`` use this module; ``session.py`` registers its hooks.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

from crewai.hooks import InterceptionPoint, get_hooks, register_hook, unregister_hook
from crewai.hooks.tool_hooks import ToolCallHookContext

from crewai_hitl_nb.kernel.asking import NotAnswered, raise_if_stopped
from crewai_hitl_nb.kernel.questions.question import Asking
from crewai_hitl_nb.kernel.questions.steps import add_model_call, add_tool_call
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

_BLOCKED: Final = "Tool execution blocked by hook"
"""The start of crewAI's message to an agent whose call a hook has blocked."""

_current: ContextVar["ToolCall | None"] = ContextVar("crewai_hitl_tool_call", default=None)
"""Set by the hook before the tool, in the same context that then runs the tool."""


class ToolCall:
    """One tool call, from the hooks before it to those after it.

    Attributes:
        name: The tool's name as the model knows it.
        tool_input: The arguments; crewAI passes the same dict to every hook of a call.
        who: Who calls the tool, for questions.
        is_allowed: Whether a person has approved this call at a gate.
        has_approval: Whether a person's approval was returned to a crewAI hook.
        rejection: Why a person refused the call, if one did.
    """

    def __init__(self, context: ToolCallHookContext, outer: "ToolCall | None") -> None:
        self.name = context.tool_name
        self.tool_input = context.tool_input
        self.who = Asking(
            crew=context.crew,
            task=context.task,
            agent=context.agent,
            tool_name=context.tool_name,
        )
        self.is_allowed = False
        self.has_approval = False
        self.rejection: str | None = None
        self.outer = outer
        self._unanswered: NotAnswered | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Wrap each question that is asked in this call.

        Raises:
            NotAnswered: The block raised it; or, at once, an earlier question of this call raised
                it and crewAI, not the tool, caught the error.
        """
        self.raise_if_over()
        try:
            yield
        except NotAnswered as error:
            for call in self._and_outer():  # if a tool runs a crew, the outer run ends too
                call._unanswered = error
                call._ensure_hook_after()
            raise

    def raise_if_over(self) -> None:
        """Raise the error of an unanswered question again, of this call or one around it.

        Raises:
            NotAnswered: A question was not answered, and crewAI caught the error.
        """
        for call in self._and_outer():
            if call._unanswered is not None and _was_caught_by_crewai(call._unanswered):
                raise call._unanswered

    def _ensure_hook_after(self) -> None:
        """Ensure that a hook ends the run, even if ``disable()`` withdrew the question."""
        hooks = get_hooks(InterceptionPoint.POST_TOOL_CALL)
        if any(isinstance(getattr(hook, "__self__", None), ToolCallHooks) for hook in hooks):
            return

        def once(context: ToolCallHookContext) -> None:
            if context.tool_input is self.tool_input:
                unregister_hook(InterceptionPoint.POST_TOOL_CALL, once)
                self.raise_if_over()

        register_hook(InterceptionPoint.POST_TOOL_CALL, once)

    def _and_outer(self) -> Iterator["ToolCall"]:
        call: ToolCall | None = self
        while call is not None:
            yield call
            call = call.outer


class ToolCallHooks:
    """The hooks around each tool call, from construction to :meth:`remove`.

    Args:
        ends: Called with who called a tool, if that call ends their run. Other calls that were
            made at the same time may still be asking.
    """

    def __init__(self, ends: Callable[[Asking], None]) -> None:
        self._ends = ends
        self._hooks: dict[InterceptionPoint, Callable[[Any], Any]] = {
            InterceptionPoint.PRE_TOOL_CALL: _before_tool_call,
            InterceptionPoint.POST_TOOL_CALL: self._after_tool_call,
            InterceptionPoint.PRE_MODEL_CALL: _before_model_call,
        }
        self.ensure()

    def ensure(self) -> None:
        """Register the hooks if they are missing: ``clear_all_hooks()`` removes all hooks."""
        for point, hook in self._hooks.items():
            if hook not in get_hooks(point):
                register_hook(point, hook)

    def remove(self) -> None:
        """Unregister the hooks."""
        for point, hook in self._hooks.items():
            unregister_hook(point, hook)

    def _after_tool_call(self, context: ToolCallHookContext) -> str | None:
        """Called by crewAI after each tool call, including a blocked one.

        Raises:
            NotAnswered: The run must end; crewAI does not catch the error here.
        """
        try:
            message = _message_to_the_agent(context)
            result = context.tool_result if message is None else message
            add_tool_call(context.task, context.tool_name, context.tool_input, result)
            return message
        except NotAnswered:
            self._ends(Asking(crew=context.crew, task=context.task, agent=context.agent))
            raise


def current_tool_call() -> ToolCall | None:
    """Return the tool call that the calling thread or task works for."""
    return _current.get()


def call_of(context: ToolCallHookContext) -> ToolCall:
    """Return the call of a hook's context; the first hook of a call creates it."""
    call = _found(context)
    if call is None:
        call = ToolCall(context, _current.get())
        _current.set(call)
    return call


def asking_in_a_tool_call() -> AbstractContextManager[None]:
    """Wrap a question that may be asked in a tool call. Raises as :meth:`ToolCall.asking`."""
    call = current_tool_call()
    return call.asking() if call is not None else nullcontext()


def _found(context: ToolCallHookContext) -> ToolCall | None:
    call = _current.get()
    while call is not None and call.tool_input is not context.tool_input:
        call = call.outer
    return call


def _before_tool_call(context: ToolCallHookContext) -> None:
    call_of(context)
    _raise_if_the_run_is_stopped()  # blocks the call; the hook after it ends the run


def _message_to_the_agent(context: ToolCallHookContext) -> str | None:
    """Return the message to the agent instead of the tool's result; None keeps the result.

    Raises:
        NotAnswered: A question of this call was not answered, or the run was stopped.
    """
    call = _found(context)
    if call is not None:
        _current.set(call.outer)
        call.raise_if_over()
    _raise_if_the_run_is_stopped()
    if call is None or not str(context.tool_result).startswith(_BLOCKED):
        return None  # if a hook let a refused tool run, the tool's result is true
    if call.rejection is None:
        _warn_if_approved(call)
        return None
    reason = f" They said: {call.rejection}" if call.rejection else ""
    return f"A person did not approve this call of {call.name}, so it was not run.{reason}"


def _warn_if_approved(call: ToolCall) -> None:
    """Warn that a hook blocked an approved call: it may expect another word."""
    if call.has_approval:
        _log.warning(
            "A person approved the call of %s, but a hook blocked it. If the hook expects a"
            ' particular word, name it in the hook\'s prompt, for example "(yes/no)".',
            call.name,
        )


def _before_model_call(context: Any) -> None:
    """Called by crewAI before each model call.

    Raises:
        NotAnswered: The run must end.
    """
    call = current_tool_call()
    if call is not None:
        call.raise_if_over()
    _raise_if_the_run_is_stopped()
    add_model_call(getattr(context, "task", None), getattr(context, "llm", None))


def _raise_if_the_run_is_stopped() -> None:
    run = current_run()
    if run is not None:
        raise_if_stopped(run.stopped)


def _was_caught_by_crewai(error: BaseException) -> bool:
    """Say whether crewAI caught the error, rather than the code that asked.

    A traceback starts in the frame that caught the error.
    """
    begin = error.__traceback__
    module = begin.tb_frame.f_globals.get("__name__", "") if begin is not None else ""
    return module.partition(".")[0] == "crewai"
