"""``enable()`` and ``disable()``: turn the whole kernel half on and off.

The session combines the other modules of this package, owns what they start, and closes it in
reverse order. The switch is process-wide, because crewAI's hooks are. A forked process inherits
both but none of the threads, so it gets a new bridge for its first question.
"""

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from crewai_hitl_nb.client.discovery import Endpoint, find_endpoint
from crewai_hitl_nb.client.jupyter_servers import why_no_server
from crewai_hitl_nb.kernel import crewai_events
from crewai_hitl_nb.kernel.asking import Asker, NotAnswered, Screen
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.kernel.first_report import report_no_server, report_places
from crewai_hitl_nb.kernel.flows.patches import DurableFlows, FlowBridge, checked_flows
from crewai_hitl_nb.kernel.gates.gates import GATES
from crewai_hitl_nb.kernel.gates.hook_input import HookInputPatch
from crewai_hitl_nb.kernel.notebook import Bundle, Notebook
from crewai_hitl_nb.kernel.questions.left_out import without_file
from crewai_hitl_nb.kernel.questions.question import Asking, Waiter
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, OnExpiry, Terms
from crewai_hitl_nb.kernel.runs.run import RunPatch
from crewai_hitl_nb.kernel.screens.card_screen import CardScreen
from crewai_hitl_nb.kernel.screens.console import Line, screen_of_a_script
from crewai_hitl_nb.kernel.started.started_run import StartedRun
from crewai_hitl_nb.kernel.started.starter import Starter, Target
from crewai_hitl_nb.kernel.tasks.copies import TaskCopyPatch
from crewai_hitl_nb.kernel.tasks.end_of_input import EndOfInputPatch
from crewai_hitl_nb.kernel.tasks.hooks import ProviderHook
from crewai_hitl_nb.kernel.tasks.human_input import BridgedHumanInput
from crewai_hitl_nb.kernel.tasks.reviews import Reviews
from crewai_hitl_nb.kernel.tasks.time_limits import TimeLimitPatch
from crewai_hitl_nb.kernel.tasks.tool_calls import ToolCallHooks
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.events import Event, UnknownEvent
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.runs import (
    RUN_CANCEL_REQUESTED,
    RunEvent,
    RunStarted,
    run_event_to_wire,
)
from crewai_hitl_nb.tracebacks import short_traceback
from crewai_hitl_nb.widget.run import run_bundle

FIRST_ATTEMPT_SECONDS: Final = 5.0
"""How long enable() waits for the server at most; a wrong address fails much sooner."""

GOODBYE_SECONDS: Final = 1.0
"""How long the end of the program may be delayed to cancel its questions on the server, which
otherwise notices by itself that the program has ended."""


class Session:
    """The bridge between the crews of this process and a server, while it is enabled.

    Args:
        url: The server's prefix; None to find it.
        token: Its token.
        terms: How long a question may wait that says nothing about it.
        durable_flows: Which flows pause instead of waiting.

    Attributes:
        runs: Makes calls known as runs, which can be interrupted.
    """

    def __init__(
        self, url: str | None, token: str | None, terms: Terms, durable_flows: DurableFlows = False
    ) -> None:
        self._terms = terms
        self._notebook = Notebook.current()
        self._find: Callable[[], Endpoint | None] = lambda: find_endpoint(url, token)
        self._lock = threading.Lock()
        self._enabled = True
        self._asker: Asker | None = None
        self._has_terminal = True
        self._waiter = Waiter(
            source_id=_new_source_id(),
            kernel_id=self._notebook.kernel_id if self._notebook else None,
            notebook=self._notebook.path if self._notebook else None,
        )
        self._starter = Starter(
            self._publish_run, self._notebook, self._waiter, self._run_view, self._before_run
        )
        self._connect()  # now, so that the first question finds the connection open
        # What was switched on first is switched off last: the bridge outlives all that asks by it.
        self._closers: list[Callable[[], None]] = [self._disconnect]
        self._before_runs = self._patch_crewai(durable_flows)
        self.runs = RunPatch(self._notebook, before=self._before_run)
        self._closers.append(self.runs.remove)
        if self._notebook is not None:
            self._closers += self._watch_cells(self._notebook)
        self._closers.append(self._starter.close)

    def _patch_crewai(self, durable_flows: DurableFlows) -> tuple[Callable[[], None], ...]:
        """Connect every place where crewAI asks a person; return the calls that do it again.

        Users may clear crewAI's hooks, so those calls come before each run.
        """
        self._closers.append(crewai_events.feed(self._publish))
        reviews = Reviews()
        provider = ProviderHook(BridgedHumanInput(self.asker, reviews), reviews)
        tool_calls = ToolCallHooks(self._run_ends)
        self._closers += [
            reviews.remove,
            provider.remove,
            tool_calls.remove,
            EndOfInputPatch().remove,
            TaskCopyPatch().remove,
            TimeLimitPatch().remove,
            HookInputPatch(self.asker).remove,
            FlowBridge(self.asker, self._retract, durable_flows).remove,
        ]
        return (provider.ensure, tool_calls.ensure, GATES.ensure)

    def _watch_cells(self, notebook: Notebook) -> tuple[Callable[[], None], ...]:
        """Withdraw the questions of a cell that is interrupted, and all when the kernel ends."""
        return (
            notebook.remember_cells(),
            notebook.stay_busy(),
            notebook.when_interrupted(self._interrupted),
            notebook.when_ending(self._ending),
        )

    def asker(self) -> Asker | None:
        """Return the asker to use; None for crewAI's own console prompt.

        Raises:
            NotAnswered: This is a kernel and no server was found. crewAI's console would read
                the kernel's closed stdin and approve silently.
        """
        if not self._enabled:
            return None
        asker = self._connect()
        if asker is None and self._notebook is not None:
            raise NotAnswered(f"nobody could be asked: {why_no_server()}.", "refused")
        return asker

    def report(self) -> None:
        """Print where questions appear, or why crews cannot ask, before a run costs anything."""
        in_a_notebook = self._notebook is not None
        if self._asker is None:
            report_no_server(in_a_notebook=in_a_notebook)
        elif self._asker.report_trouble(FIRST_ATTEMPT_SECONDS):
            report_places(self._asker.bridge, in_a_notebook=in_a_notebook)

    def start(self, target: Target, inputs: Mapping[str, Any] | None) -> StartedRun:
        """Start a run in the background; see :func:`crewai_hitl_nb.start`."""
        self.asker()  # raises in a kernel without a server, where nobody could see the run
        return self._starter.start(target, inputs)

    def after_fork(self) -> None:
        """Continue in a forked process, which is not a kernel, has no terminal and asks on its own.

        The parent's bridge is not touched: its connection and questions belong to the parent.
        """
        crewai_events.after_fork()
        self._lock = threading.Lock()
        self._asker = None
        self._has_terminal = False
        self._notebook = None
        self._waiter = replace(self._waiter, source_id=_new_source_id(), kernel_id=None)
        self._starter.after_fork(self._waiter)
        self.runs.after_fork()

    def close(self) -> None:
        """Restore crewAI's own behaviour and close the bridge."""
        self._enabled = False
        while self._closers:
            self._closers.pop()()

    def _connect(self) -> Asker | None:
        with self._lock:
            if self._asker is None and (endpoint := self._find()) is not None:
                bridge = Bridge(endpoint, self._waiter.source_id, self._on_run_event, without_file)
                if self._waiter.kernel_id is not None:
                    bridge.take_over(self._waiter.kernel_id)
                screen = self._screen(bridge)
                self._asker = Asker(bridge, self._notebook, screen, self._waiter, self._terms)
            return self._asker

    def _screen(self, bridge: Bridge) -> Screen:
        if self._notebook is not None:
            return CardScreen(self._notebook, bridge.endpoint)
        return (
            screen_of_a_script(bridge) if self._has_terminal else Line(bridge.endpoint.for_people)
        )

    def _disconnect(self) -> None:
        if self._asker is not None:
            self._asker.bridge.close("source_lost", GOODBYE_SECONDS)

    def _publish(self, event: Event) -> None:
        asker = self._connect()
        if asker is not None:
            asker.bridge.publish(event)

    def _publish_run(self, event: RunEvent) -> None:
        self._publish(run_event_to_wire(event))

    def _run_view(self, begun: RunStarted) -> Bundle:
        return run_bundle(begun, self._asker.bridge.endpoint if self._asker else None)

    def _on_run_event(self, event: UnknownEvent) -> None:
        if event.type == RUN_CANCEL_REQUESTED and event.execution_id is not None:
            self._starter.cancel(event.execution_id)

    def _before_run(self) -> None:
        for ensure in self._before_runs:
            ensure()

    def _retract(self, request_id: str) -> None:
        if self._asker is not None:
            self._asker.bridge.retract(request_id)

    def _run_ends(self, who: Asking) -> None:
        if self._asker is not None:
            self._asker.withdraw_asked_for(who.task_id, who.agent_id)

    def _ending(self) -> None:
        self._starter.end_all()
        if self._asker is not None:
            self._asker.withdraw_all()

    def _interrupted(self, cell_message_id: str) -> None:
        self._starter.interrupted(cell_message_id)
        if self._asker is not None:
            self._asker.withdraw_asked_in(cell_message_id)


def _new_source_id() -> str:
    return f"crew-{new_event_id()}"


class Switch:
    """Holds the only session of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._arguments: _Arguments | None = None
        if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            os.register_at_fork(after_in_child=self._after_fork)

    @short_traceback
    def on(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: Seconds | None = None,
        remind_after: Seconds | None = None,
        on_expiry: OnExpiry | None = None,
        default: Any = None,
        durable_flows: DurableFlows = False,
    ) -> None:
        """Send every human input request of crewAI in this process through the bridge.

        This applies from now on in every cell and thread, until :func:`disable`. Calling it again
        without arguments changes nothing. With other arguments it starts again, and pending
        questions are withdrawn. Prints where questions appear. If no server is found or it cannot
        be reached, a message on stderr names the cause and what to do.

        Args:
            url: The server's URL prefix, e.g. ``http://127.0.0.1:8888/crewai-hitl/``. Default:
                find the server; inside Jupyter this needs no configuration.
            token: The server's token.
            timeout: Time until a question's deadline, in seconds or as a ``timedelta``, unless the
                question has its own; None for no deadline.
            remind_after: Time until a reminder is sent, in seconds or as a ``timedelta``.
            on_expiry: What happens at the deadline: ``fail`` (the usual), ``default`` or
                ``wait``.
            default: The answer for ``on_expiry="default"``, e.g. ``{"decision": "approve"}``. A
                question for which it is not valid expires.
            durable_flows: True, or flow classes. Their ``@human_feedback`` stores the flow and
                ends its run; :func:`resume_pending` continues it.

        Raises:
            BadRequest: The URL cannot be the URL of a server.
            ValueError: A time or policy is not valid; the message says which.
            WrongArgument: An argument has the wrong type.
        """
        given = _Arguments(
            arguments.text_or_none("url", url),
            arguments.text_or_none("token", token),
            Terms.of(timeout, remind_after, on_expiry, default),
            checked_flows(durable_flows),
        )
        if (session := self._begin(given)) is not None:
            session.report()

    def on_quietly(self, url: str | None = None, token: str | None = None) -> None:
        """Enable without messages, for callers that start the server or report its absence."""
        self._begin(_Arguments(url, token))

    def is_on(self) -> bool:
        """Say whether the bridge is enabled."""
        return self._session is not None

    def session(self) -> Session:
        """Return the session; enable the bridge if it is off."""
        self.on_quietly()
        session = self._session
        if session is None:
            raise NotAnswered("the bridge has just been disabled; call enable() again", "refused")
        return session

    def off(self) -> None:
        """Stop using the bridge and restore crewAI's own behaviour; withdraw pending questions."""
        with self._lock:
            self._close()

    def _begin(self, given: "_Arguments") -> Session | None:
        """Begin a session and return it; None if the current session already fits."""
        with self._lock:
            if self._session is not None:
                if given in (_NO_ARGUMENTS, self._arguments):
                    return None
                self._close()
            self._session = Session(given.url, given.token, given.terms, given.durable_flows)
            self._arguments = given
            atexit.register(self.off)
            return self._session

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # a thread that held it does not exist here
        if self._session is not None:
            self._session.after_fork()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
            atexit.unregister(self.off)


@dataclass(frozen=True)
class _Arguments:
    """The arguments of ``enable()``."""

    url: str | None = None
    token: str | None = None
    terms: Terms = NO_TERMS
    durable_flows: DurableFlows = False


_NO_ARGUMENTS: Final = _Arguments()
