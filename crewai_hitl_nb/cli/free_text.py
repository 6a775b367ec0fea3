"""A command whose text argument may begin with a dash, as a Markdown list does.

Click treats every word that begins with a dash as an option. Here only a word in the form of an
option is one (``--approve``, ``-h``); ``- shorter``, ``-5`` and ``--no, shorter`` are texts. A
misspelt option is still an error. ``answer.py`` uses it.
"""

import re
from typing import Final

import click

_OPTION: Final = re.compile(r"-[A-Za-z]+|--[A-Za-z][\w-]*(?:=.*)?", re.DOTALL)
_BEHIND: Final = "--"
"""After it nothing is an option, for click as for most programs."""


class FreeTextCommand(click.Command):
    """Moves texts that begin with a dash after a ``--``, where click leaves them unchanged."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line."""
        try:
            return super().parse_args(ctx, _sorted(args, self._takes_a_value(ctx)))
        except click.NoSuchOption as error:
            raise click.NoSuchOption(
                error.option_name,
                f"{error.message} Put a text that begins with a dash after `--`.",
                error.possibilities,
                error.ctx,
            ) from None

    def _takes_a_value(self, ctx: click.Context) -> frozenset[str]:
        options = (one for one in self.get_params(ctx) if isinstance(one, click.Option))
        return frozenset(name for one in options if not one.is_flag for name in one.opts)


def _sorted(args: list[str], takes_a_value: frozenset[str]) -> list[str]:
    """Return the words, with those that are neither options nor their values after a ``--``."""
    options: list[str] = []
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == _BEHIND:
            words += rest
        elif arg in takes_a_value:
            options += [arg, *[value for value in [next(rest, None)] if value is not None]]
        elif _OPTION.fullmatch(arg):
            options.append(arg)
        else:
            words.append(arg)
    return [*options, _BEHIND, *words] if words else options
