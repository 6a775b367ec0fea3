"""The screens of a script: a line that says where to answer, or a console that takes answers.

At a terminal the console shows the question and takes an answer, while the card, the inbox and
all other surfaces can answer as well. The console's answer goes to the server like any other, and
the first one wins. A person whose answer came second sees the winning answer, and their own text
again. The console uses the dialog (``terminal/``), the keyboard and the bridge; ``asking.py`` uses
it and waits for the outcome, wherever it comes from.

* One question at a time has the terminal. The others wait in a queue, and their number is shown.
* A thread reads, but only while a question has the terminal; it ends with the last question.
* The end of input (Ctrl-D) leaves the question to the other surfaces. A blank line approves only
  where crewAI's own console offers that, and never a question that has just replaced another.
"""

import sys
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from crewai.events.event_listener import event_listener

from crewai_hitl_nb.kernel.asking import Screen
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.kernel.bridge.pending import PendingRequest
from crewai_hitl_nb.kernel.notebook import Cell
from crewai_hitl_nb.kernel.screens.keyboard import TICK_SECONDS, Keyboard, keyboard
from crewai_hitl_nb.protocol.errors import Forbidden, HitlError, InvalidAnswer
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.files import FileReference, context_in_words
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.terminal.dialog import Reply, corrected, steps
from crewai_hitl_nb.terminal.dialog_steps import Ask, go_through
from crewai_hitl_nb.terminal.sanitize import one_line, sanitize
from crewai_hitl_nb.terminal.wording import Part, asker, by, deadline, ending

_log = logger(__name__)

VIA: Final = "console"


def screen_of_a_script(bridge: Bridge) -> Screen:
    """Return a console at a terminal, and elsewhere a line that says where to answer."""
    line = Line(bridge.endpoint.for_people)
    keys = keyboard()
    return line if keys is None else Console(bridge, keys, line)


class Line:
    """Says where to answer: for pipes, for cron, and while other code uses the terminal.

    Args:
        url: The address where people answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Write one line."""
        sys.stderr.write(f"crewAI asks: {one_line(request.prompt)} Answer at {self._url}\n")
        sys.stderr.flush()

    def closed(self, request: HumanInputRequired, closing: ClosingEvent | None) -> None:
        """Do nothing: the line stays as it is."""


class Console:
    """Asks at a terminal, in parallel with all other surfaces.

    Args:
        bridge: Has the questions, and sends an answer from here.
        keys: Reads what is typed.
        line: Shows a question while other code uses the terminal.
    """

    def __init__(self, bridge: Bridge, keys: Keyboard, line: Line) -> None:
        self._bridge = bridge
        self._keys = keys
        self._line = line
        self._queue: deque[PendingRequest] = deque()
        self._current: PendingRequest | None = None
        self._has_thread = False
        self._just_replaced = False
        self._lock = threading.Lock()

    def closed(self, request: HumanInputRequired, closing: ClosingEvent | None) -> None:
        """Do nothing: the console learns how it ended from the bridge."""

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Ask as soon as the terminal is free."""
        pending = self._bridge.find(request.request_id)
        if pending is None:  # it ended before it could be shown
            return
        if _terminal_is_taken():
            self._line.show(request, cell)
            return
        with self._lock:
            self._queue.append(pending)
            begin, self._has_thread = not self._has_thread, True
            waits = self._current is not None and self._current.is_open
        if begin:
            threading.Thread(target=self._work, name="crewai-hitl-console", daemon=True).start()
        elif waits:
            self._say((self._waiting(), "dim"))

    def _work(self) -> None:
        """Ask one question after another until the queue is empty."""
        while True:
            with self._lock:
                if not self._queue:
                    self._has_thread, self._just_replaced, self._current = False, False, None
                    return
                pending = self._current = self._queue.popleft()
            try:
                with self._keys.in_use:
                    if pending.is_open:
                        self._attend(pending)
            except Exception:  # noqa: BLE001 - the question can still be answered elsewhere
                _log.exception("request %s cannot be asked here", pending.request.request_id)

    def _attend(self, pending: PendingRequest) -> None:
        """Ask one question until it ends."""
        event_listener.formatter.pause_live_updates()
        try:
            self._keys.discard()  # it was typed before the question was visible
            self._say(*self._question(pending.request))
            self._converse(pending)
        except EOFError:
            url = self._bridge.endpoint.for_people
            self._say(f"\nInput has ended; the question stays open. Answer at {url}")
            pending.outcome.add_done_callback(lambda _: self._say(self._ending(pending)))
        except _Over:
            unsent = self._keys.discard()
            self._say("\n" + self._ending(pending))
            self._say_again(unsent)
            self._just_replaced = True
        finally:
            event_listener.formatter.resume_live_updates()

    def _converse(self, pending: PendingRequest) -> None:
        """Ask until an answer from here is accepted.

        Raises:
            _Over: The question ended in another way.
            EOFError: The input has ended.
        """
        request = pending.request
        while True:
            reply = self._ask(pending, request)
            try:
                self._send(pending, reply)
            except InvalidAnswer as misfit:
                self._say((f"The answer is not valid: {misfit.message}", "yellow"))
                request = corrected(request, reply, misfit.errors)
                continue
            except HitlError as refusal:
                self._say((f"The server refused the answer: {refusal.message}", "yellow"))
                self._say_again(reply.text)
                if isinstance(refusal, Forbidden):
                    raise EOFError from refusal
                continue
            if _is_from_here(pending, reply):
                self._say(("Answer sent.", "green"))
                return
            self._say_again(reply.text)
            raise _Over

    def _ask(self, pending: PendingRequest, request: HumanInputRequired) -> Reply:
        """Go through the dialog once; the request may show values that were refused."""
        return go_through(
            steps(request, enter=True),
            lambda step: self._read(pending, step),
            lambda note: self._say((note.text, note.style)),
            lambda path: self._attach(pending, path),
        )

    def _attach(self, pending: PendingRequest, path: Path) -> FileReference:
        """Upload a file.

        Raises:
            _Over: The question has ended.
            HitlError: The file cannot be read, or the server refused it.
        """
        request_id = pending.request.request_id
        upload = self._bridge.call(lambda client: client.upload(request_id, path))
        ends: list[Future[Any]] = [upload, pending.outcome]
        wait(ends, return_when=FIRST_COMPLETED)
        if not pending.is_open:
            raise _Over
        return upload.result()

    def _read(self, pending: PendingRequest, step: Ask) -> str:
        while True:
            self._write(f"{sanitize(step.label)}: ")
            line = self._keys.line(lambda: not pending.is_open, whole=step.whole)
            if line is None:
                raise _Over
            if line.strip() or (step.blank and not self._just_replaced):
                self._just_replaced = False
                return line
            if step.blank:
                self._just_replaced = False
                self._say("If that was for this question and not the last one, press Enter again.")

    def _send(self, pending: PendingRequest, reply: Reply) -> None:
        """Send an answer and wait until the question has ended, by this answer or otherwise.

        Raises:
            HitlError: The server refused the answer, and the question is still open.
        """
        sent: Future[None] = self._bridge.answer(
            pending,
            human_feedback=reply.text,
            decision=reply.decision,
            options=reply.options,
            values=reply.values,
            via=VIA,
        )
        ends: list[Future[Any]] = [sent, pending.outcome]
        notified = False
        while not wait(ends, TICK_SECONDS, FIRST_COMPLETED).done:
            if not notified and not self._bridge.is_live:
                self._say(("The server is away; your answer is sent when it is back.", "yellow"))
                notified = True
        if pending.is_open:
            sent.result()

    def _question(self, request: HumanInputRequired) -> tuple[Part, ...]:
        """Return the question's text with everything needed to answer it."""
        parts: list[Part] = [(f"\n{asker(request)} asks", "bold")]
        if request.round > 1:
            parts.append((f"  round {request.round}", "dim"))
        if context := context_in_words(request).strip("\n"):
            parts.append("\n\n" + context)
        parts.append((f"\n\n{request.prompt}\n", "bold"))
        where = [f"Answer here or at {self._bridge.endpoint.for_people}"]
        if "edit" in request.response.decisions and request.draft is not None:
            where = [
                f"Answer here, or at {self._bridge.endpoint.for_people} to edit the text itself"
            ]
        if until := deadline(request, datetime.now(timezone.utc)):
            where.append(until)
        if self._queue:
            where.append(self._waiting())
        return (*parts, ("; ".join(where), "dim"))

    def _waiting(self) -> str:
        count = len(self._queue)
        return f"{count} more {'waits' if count == 1 else 'wait'}"

    def _ending(self, pending: PendingRequest) -> str:
        refusal = pending.outcome.exception()
        if refusal is not None:
            return f"The question was refused: {refusal}"
        closing = pending.outcome.result()
        if isinstance(closing, HumanInputCompleted) and closing.answered_by is None:
            return f"{by(None)} answered first."
        return ending(closing)

    def _say_again(self, words: str) -> None:
        if words.strip():
            self._say(f"You wrote:\n{words}")

    def _say(self, *parts: Part) -> None:
        from rich.console import Console as Drawn
        from rich.text import Text

        text = Text()
        for part in parts:
            words, style = part if isinstance(part, tuple) else (part, "")
            text.append(sanitize(words), style)
        Drawn(stderr=True, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


class _Over(Exception):
    """The question ended in another way than by an answer from here."""


def _is_from_here(pending: PendingRequest, reply: Reply) -> bool:
    """Whether this answer ended the question: no other process answers it via "console"."""
    if pending.withdrawn is not None or pending.outcome.exception() is not None:
        return False
    closing = pending.outcome.result()
    if not isinstance(closing, HumanInputCompleted) or closing.answered_by is None:
        return False
    answer = (closing.decision, closing.human_feedback, closing.options, closing.values)
    return closing.answered_by.via == VIA and answer == (
        reply.decision,
        reply.text,
        reply.options,
        reply.values,
    )


def _terminal_is_taken() -> bool:
    """Whether an interactive interpreter reads the terminal and is not waiting for the asker."""
    in_use = hasattr(sys, "ps1") or sys.flags.interactive
    return bool(in_use) and threading.current_thread() is not threading.main_thread()
