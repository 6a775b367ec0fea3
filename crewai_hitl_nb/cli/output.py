"""The only module that writes to stdout and stderr: text for people, JSON lines for scripts.

Results go to stdout; everything else (prompts, connection news, errors) goes to stderr. In a
terminal rich formats the text. In a pipe the same text is plain, and tables have a tab between
the columns. All output is sanitized first (``terminal/sanitize.py``).
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from crewai_hitl_nb.terminal.sanitize import one_line, sanitize, sanitize_json
from crewai_hitl_nb.terminal.wording import Part

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from crewai_hitl_nb.protocol.errors import HitlError

PROGRAM: Final = "crewai-hitl"


class Screen:
    """Writes the output of one command.

    Args:
        as_json: Whether to write JSON lines to stdout.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal."""
        return sys.stdout.isatty()

    def record(self, value: Any) -> None:
        """Write one JSON line to stdout; ``value`` may already be encoded."""
        body = value if isinstance(value, bytes) else msgspec.json.encode(value)
        click.echo(sanitize_json(body.decode()))

    def content(self, body: bytes) -> None:
        """Write the content of a file to stdout: as it is, or sanitized on a terminal."""
        click.echo(sanitize(body.decode()) if self.is_terminal else body, nl=False)

    def say(self, *parts: Part) -> None:
        """Write one line to stdout, for people."""
        if self.is_terminal:
            _console().print(_text(parts), soft_wrap=True)
        else:
            click.echo(_plain(parts))

    def ask(self, *parts: Part) -> None:
        """Write one line to stderr: part of a dialog, or news of the connection."""
        if sys.stderr.isatty():
            _console(stderr=True).print(_text(parts), soft_wrap=True)
        else:
            click.echo(_plain(parts), err=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table to stdout; the first column is never cut."""
        if not self.is_terminal:
            for row in rows:
                click.echo("\t".join(one_line(cell) for cell in row))
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, name in enumerate(columns):
            table.add_column(name, no_wrap=True, overflow="ellipsis" if place else "fold")
        for row in rows:
            table.add_row(*(_text([one_line(cell)]) for cell in row))
        _console().print(table)

    def refusal(self, error: "HitlError") -> None:
        """Write an error to stderr: one line for people, or the error's JSON."""
        if self.as_json:
            body = msgspec.json.encode(error.to_wire()).decode()
            click.echo(sanitize_json(body), err=True)
        else:
            self.trouble(error.message)

    def trouble(self, message: str) -> None:
        """Write one line to stderr: what went wrong and what to do."""
        click.echo(f"{PROGRAM}: {one_line(message)}", err=True)


def _console(*, stderr: bool = False) -> "Console":
    # rich itself respects NO_COLOR and TERM=dumb.
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _text(parts: Iterable[Part]) -> "Text":
    """Return styled text; rich's markup in it is not interpreted."""
    from rich.text import Text

    text = Text()
    for part in parts:
        words, style = part if isinstance(part, tuple) else (part, "")
        text.append(sanitize(words), style)
    return text


def _plain(parts: Iterable[Part]) -> str:
    return "".join(sanitize(part[0] if isinstance(part, tuple) else part) for part in parts)
