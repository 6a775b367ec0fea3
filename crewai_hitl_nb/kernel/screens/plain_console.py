"""The console of a script without a server: asks the questions of ``ask()``.

crewAI's own console handles only crewAI's own questions. The dialog is the same as that of the
command line. The end of input answers nothing. It uses ``terminal/``; ``public/ask.py`` uses it.
"""

import asyncio
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from crewai.events.event_listener import event_listener

from crewai_hitl_nb.kernel.asking import NotAnswered
from crewai_hitl_nb.kernel.crewai_events import emit_completed, emit_required
from crewai_hitl_nb.kernel.files import Download, File
from crewai_hitl_nb.kernel.questions.question import Waiter
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person
from crewai_hitl_nb.protocol.answer import Answer, accept
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    HumanInputCompleted,
    HumanInputRequired,
    about,
)
from crewai_hitl_nb.protocol.files import FileReference, context_in_words
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.terminal.dialog import Reply, corrected, steps
from crewai_hitl_nb.terminal.dialog_steps import NotAttached, go_through
from crewai_hitl_nb.terminal.sanitize import sanitize

VIA: Final = "console"

_one_at_a_time: Final = threading.Lock()  # process-wide on purpose, as stdin is


class PlainConsole:
    """Asks on stdin and stderr, with the methods of an ``Asker``.

    Only a server enforces deadlines; here a question waits until it is answered.
    """

    waiter: Final = Waiter("console")
    terms: Final = NO_TERMS

    def __init__(self) -> None:
        self._attached: dict[str, bytes] = {}

    def download(self, request_id: str) -> Download:
        """Return what reads the files that were attached to an answer: they stay in memory."""
        return lambda file: self._attached[file.sha256]

    def ask(
        self, request: HumanInputRequired, emitter: Any, files: Mapping[str, File] | None = None
    ) -> HumanInputCompleted:
        """Ask and wait. The question's own files are only named.

        Raises:
            NotAnswered: The input ended.
        """
        emit_required(emitter, request)
        with asking_a_person(), _one_at_a_time:
            event_listener.formatter.pause_live_updates()
            try:
                answer = self._converse(request)
            except EOFError:
                raise NotAnswered(
                    "nobody answered: the console's input has ended", "refused"
                ) from None
            finally:
                event_listener.formatter.resume_live_updates()
        emit_completed(emitter, answer)
        return answer

    async def ask_async(
        self, request: HumanInputRequired, emitter: Any, files: Mapping[str, File] | None = None
    ) -> HumanInputCompleted:
        """Ask on a thread and wait. Raises the same errors as :meth:`ask`."""
        return await asyncio.to_thread(self.ask, request, emitter, files)

    def _converse(self, request: HumanInputRequired) -> HumanInputCompleted:
        """Ask until an answer is valid."""
        context = context_in_words(request)
        _say(f"\n{context}\n" if context.strip() else "")
        _say(request.prompt)
        while True:
            reply = self._asked(request)
            answer = Answer(
                human_feedback=reply.text,
                decision=reply.decision,
                options=reply.options,
                values=reply.values,
                via=VIA,
            )
            try:
                accepted = accept(request, answer)
            except InvalidAnswer as misfit:
                _say(f"The answer is not valid: {misfit.message}")
                request = corrected(request, reply, misfit.errors)
                continue
            return HumanInputCompleted(
                event_id=new_event_id(),
                timestamp=datetime.now(timezone.utc),
                **about(request),
                human_feedback=accepted.human_feedback,
                decision=accepted.decision,
                options=accepted.options,
                values=accepted.values,
                answered_by=AnsweredBy(name="console", via=VIA),
            )

    def _asked(self, request: HumanInputRequired) -> Reply:
        """Go through the dialog once.

        Raises:
            EOFError: The input ended.
        """
        return go_through(
            steps(request),
            lambda step: _read(step.label),
            lambda note: _say(note.text),
            self._attach,
        )

    def _attach(self, path: Path) -> FileReference:
        try:
            file = File.from_path(path)
        except ValueError as error:
            raise NotAttached(str(error)) from error
        self._attached[file.sha256] = file.read()
        return file.reference


def _read(label: str) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise EOFError
    _write(f"{sanitize(label)}: ")
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _say(text: str) -> None:
    if text:
        _write(f"{sanitize(text)}\n")


def _write(text: str) -> None:
    if sys.stderr is not None:  # None where the script was started with it closed
        sys.stderr.write(text)
        sys.stderr.flush()
