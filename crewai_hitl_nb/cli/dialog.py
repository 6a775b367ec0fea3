"""Asks a person at a terminal for their answer to one question.

It shows the question and drives the steps of ``terminal/dialog.py``. Only an explicit decision
approves: a blank line asks again, and the end of input or Ctrl-C sends nothing. The dialog is
written to stderr, so that stdout carries only the command's result. This module calls no server;
the server decides whether the answer is valid.
"""

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import click

from crewai_hitl_nb.cli.output import Screen
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.files import FileReference, context_in_words
from crewai_hitl_nb.terminal.dialog import Reply, steps
from crewai_hitl_nb.terminal.dialog_steps import Ask, go_through
from crewai_hitl_nb.terminal.wording import age, asker


def show_question(screen: Screen, request: HumanInputRequired) -> None:
    """Show who asks, the context and the prompt."""
    since = age(request.timestamp, datetime.now(timezone.utc))
    screen.ask((asker(request), "bold"), (f"  {since} ago  {request.request_id}", "dim"))
    context = context_in_words(request)
    if context.strip():
        screen.ask("")
        screen.ask(context.strip("\n"))
    screen.ask("")
    screen.ask((request.prompt, "bold"))


def ask_for_reply(
    screen: Screen, request: HumanInputRequired, attach: Callable[[Path], FileReference]
) -> Reply:
    """Ask until the person gives an answer.

    Args:
        screen: Shows the dialog.
        request: The question.
        attach: Uploads a file that they attach.

    Raises:
        click.Abort: The input ended or the person pressed Ctrl-C: there is no answer.
    """
    return go_through(
        steps(request),
        lambda step: _read(screen, step),
        lambda note: screen.ask((note.text, note.style)),
        attach,
    )


def _read(screen: Screen, step: Ask) -> str:
    """Read a line; ask again after a blank one, unless a blank line is an answer."""
    if step.whole and not step.blank:
        # Read up to Ctrl-D, so that a pasted text is complete, including its blank lines.
        screen.ask(f"{step.label}; end it with Ctrl-D on a line of its own:")
        return sys.stdin.read()
    default = "" if step.blank else None
    return str(click.prompt(step.label, default=default, show_default=False, err=True))
