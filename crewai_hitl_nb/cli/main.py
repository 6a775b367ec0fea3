"""Assembles the command line; each command is in the file of its name."""

import click

from crewai_hitl_nb import __version__
from crewai_hitl_nb.cli.answer import answer
from crewai_hitl_nb.cli.audit import audit
from crewai_hitl_nb.cli.cancel import cancel
from crewai_hitl_nb.cli.copy import copy
from crewai_hitl_nb.cli.doctor import doctor
from crewai_hitl_nb.cli.exit_codes import Commands
from crewai_hitl_nb.cli.export import export
from crewai_hitl_nb.cli.keys import keys
from crewai_hitl_nb.cli.pending import pending
from crewai_hitl_nb.cli.rules import rules
from crewai_hitl_nb.cli.salvage import salvage
from crewai_hitl_nb.cli.serve import serve
from crewai_hitl_nb.cli.settings import json_option, server_options
from crewai_hitl_nb.cli.watch import watch
from crewai_hitl_nb.cli.webhooks import webhooks


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@server_options
@json_option
def commands() -> None:
    """See and answer the questions that crewAI crews ask people.

    The command finds the server in this order: --url and --token, then CREWAI_HITL_URL and
    CREWAI_HITL_TOKEN, then the address that a Jupyter server gives its kernels, then this
    user's running Jupyter servers.
    """


every = (
    *(pending, watch, answer, cancel),
    *(serve, copy, salvage, audit, export),
    *(rules, keys, webhooks, doctor),
)
for command in every:
    commands.add_command(command)


def main() -> None:
    """Run the command line and exit with its code."""
    commands(prog_name="crewai-hitl")
