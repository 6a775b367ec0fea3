"""A tool call of an agent, as crewAI's hooks see it begin and end.

Whatever asks a person in the middle of a tool call (a hook of the user's, a gate, a tool)
finds here who calls the tool. And the rule about ends stands here: **a question without an
answer ends the run.** By itself crewAI would only block that one call, or tell the agent of
an error and go on; a tool that raises it even runs several times more, and would ask the
person each time. So the end is remembered with the call: the same call asks no more, and
the hooks after it and before the next model call raise it once more, where crewAI lets a
``HookAborted`` end the run cleanly.

Code that catches :class:`NotAnswered` itself goes on as it likes. Above it are the hooks'
input, the gates and ``public/ask.py``; ``session.py`` puts the hooks in. It asks nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

from crewai.hooks import InterceptionPoint, get_hooks, register_hook, unregister_hook
from crewai.hooks.tool_hooks import ToolCallHookContext

from crewai_hitl_nb.kernel.asking import NotAnswered, raise_if_stopped
from crewai_hitl_nb.kernel.questions.question import Asking
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

_BLOCKED: Final = "Tool execution blocked by hook"
"""How crewAI begins what it tells an agent whose call a hook has blocked."""

_current: ContextVar["ToolCall | None"] = ContextVar("crewai_hitl_tool_call", default=None)
"""Set by the hook before the tool, in the very context that then runs it."""


class ToolCall:
    """One call, from the hooks before it to those after it.

    Attributes:
        name: The tool's name as the model knows it.
        tool_input: The arguments; crewAI hands the same dict to every hook of a call.
        who: Who calls it, for questions.
        is_allowed: Whether a person has approved this very call.
        has_consent: Whether a hook of crewAI was told that a person approves.
        rejection: Why a person refused it, if one did.
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
        self.has_consent = False
        self.rejection: str | None = None
        self.outer = outer
        self._unanswered: NotAnswered | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Surround each question that is asked in this call.

        Raises:
            NotAnswered: What the block raised; or at once, when a question of this call
                has ended so before and crewAI, not the tool, took the error.
        """
        self.raise_if_over()
        try:
            yield
        except NotAnswered as error:
            for call in self._and_outer():  # a tool may run a crew: then it ends, too
                call._unanswered = error
                call._make_sure_of_the_hook_after()
            raise

    def raise_if_over(self) -> None:
        """Raise the end of this call, or of one around it, again.

        Raises:
            NotAnswered: A question was not answered, and crewAI caught that.
        """
        for call in self._and_outer():
            if call._unanswered is not None and _was_caught_by_crewai(call._unanswered):
                raise call._unanswered

    def _make_sure_of_the_hook_after(self) -> None:
        """End this call's run even if ``disable()`` was what withdrew its question."""
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
    """The hooks that follow each tool call, from construction to :meth:`remove`.

    Args:
        ends: Called with who called a tool, when their run ends by it: of calls that were
            made at once the others may still be asking.
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
        """Put the hooks in, unless they are: ``clear_all_hooks()`` takes everybody's out."""
        for point, hook in self._hooks.items():
            if hook not in get_hooks(point):
                register_hook(point, hook)

    def remove(self) -> None:
        """Take the hooks out."""
        for point, hook in self._hooks.items():
            unregister_hook(point, hook)

    def _after_tool_call(self, context: ToolCallHookContext) -> str | None:
        """Run by crewAI after each tool call, also after one that was blocked.

        Raises:
            NotAnswered: The run is to end; here it is not swallowed.
        """
        try:
            return _what_the_agent_hears(context)
        except NotAnswered:
            self._ends(Asking(crew=context.crew, task=context.task, agent=context.agent))
            raise


def current_tool_call() -> ToolCall | None:
    """Return the tool call that the calling thread or task works for."""
    return _current.get()


def call_of(context: ToolCallHookContext) -> ToolCall:
    """Return the call that a hook's context speaks of; its first hook begins it."""
    call = _found(context)
    if call is None:
        call = ToolCall(context, _current.get())
        _current.set(call)
    return call


def asking_in_a_tool_call() -> AbstractContextManager[None]:
    """Surround a question that may be asked in a tool call. Raises as its ``asking``."""
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


def _what_the_agent_hears(context: ToolCallHookContext) -> str | None:
    """Return what to tell the agent in place of the tool's result; None leaves it.

    Raises:
        NotAnswered: A question of this call was not answered, or the run was stopped.
    """
    call = _found(context)
    if call is not None:
        _current.set(call.outer)
        call.raise_if_over()
    _raise_if_the_run_is_stopped()
    if call is None or not str(context.tool_result).startswith(_BLOCKED):
        return None  # where a hook took a refusal and let the tool run, what it gave is the truth
    if call.rejection is None:
        _warn_if_it_was_allowed(call)
        return None
    reason = f" They said: {call.rejection}" if call.rejection else ""
    return f"A person did not allow this call of {call.name}; it was not run.{reason}"


def _warn_if_it_was_allowed(call: ToolCall) -> None:
    """Say that a hook blocked what a person allowed: it may have waited for another word."""
    if call.has_consent:
        _log.warning(
            "A person allowed the call of %s, but a hook blocked it. If the hook waits for a"
            ' word of its own, let its prompt say so, such as "(yes/no)".',
            call.name,
        )


def _before_model_call(context: Any) -> None:
    """Run by crewAI before each model call.

    Raises:
        NotAnswered: The run is to end.
    """
    call = current_tool_call()
    if call is not None:
        call.raise_if_over()
    _raise_if_the_run_is_stopped()


def _raise_if_the_run_is_stopped() -> None:
    run = current_run()
    if run is not None:
        raise_if_stopped(run.stopped)


def _was_caught_by_crewai(error: BaseException) -> bool:
    """Say whether crewAI took the error, rather than the code that asked.

    A traceback begins in the frame that caught the error.
    """
    begin = error.__traceback__
    module = begin.tb_frame.f_globals.get("__name__", "") if begin is not None else ""
    return module.partition(".")[0] == "crewai"
