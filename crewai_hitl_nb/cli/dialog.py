"""Asks a person at a terminal for their answer to one question.

It shows the question and drives the steps of ``terminal/dialog.py``. Nothing counts as an
approval but the word: a blank line asks again, the end of input and Ctrl-C send nothing.
It speaks on stderr, so that stdout stays the command's result. It knows no server; whether
the answer fits, the server says.
"""

import sys
from datetime import datetime, timezone

import click

from crewai_hitl_nb.cli.output import Screen
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.terminal.dialog import Ask, Reply, steps
from crewai_hitl_nb.terminal.wording import age, asker


def show_question(screen: Screen, request: HumanInputRequired) -> None:
    """Show who asks what, and what it is about."""
    since = age(request.timestamp, datetime.now(timezone.utc))
    screen.ask((asker(request), "bold"), (f"  {since} ago  {request.request_id}", "dim"))
    if request.context.strip():
        screen.ask("")
        screen.ask(request.context.strip("\n"))
    screen.ask("")
    screen.ask((request.prompt, "bold"))


def ask_for_reply(screen: Screen, request: HumanInputRequired) -> Reply:
    """Ask until there is an answer that means something.

    Raises:
        click.Abort: The input ended, or Ctrl-C: there is no answer.
    """
    dialog = steps(request)
    said = ""
    try:
        step = next(dialog)
        while True:
            if isinstance(step, Ask):
                said = _read(screen, step)
            else:
                screen.ask((step.text, step.style))
            step = dialog.send(said)
    except StopIteration as end:
        reply: Reply = end.value
        return reply


def _read(screen: Screen, step: Ask) -> str:
    """Read a line; unless blank is an answer, a blank line asks again."""
    if step.whole and not step.blank:
        # Up to Ctrl-D, so that a pasted text comes whole, blank lines and all.
        screen.ask(f"{step.label}; end it with Ctrl-D on a line of its own:")
        return sys.stdin.read()
    default = "" if step.blank else None
    return str(click.prompt(step.label, default=default, show_default=False, err=True))
