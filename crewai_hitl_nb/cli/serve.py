"""``crewai-hitl serve``: serves the same endpoints without a Jupyter server.

It imports the server half, as ``keys`` does, but only when it runs.
"""

import asyncio
import contextlib
import ipaddress
import math
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.logs import write_log
from crewai_hitl_nb.cli.settings import STORE_VARIABLE, Settings, json_option
from crewai_hitl_nb.protocol.limits import MEMORY_EVENTS, RETAIN_DAYS, RETAIN_EVENTS

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.output import Screen
    from crewai_hitl_nb.server.standalone import HumanInputServer

KEY_VARIABLE: Final = "CREWAI_HITL_API_KEY"
SECRETS_VARIABLE: Final = "CREWAI_HITL_WEBHOOK_SECRETS"
_IN_MEMORY: Final = ":memory:"


class KeyTrouble(Exception):
    """The API key cannot be used; the message says why and what to do, in one line."""


@click.command()
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path),
    help="File with the API key that callers must send. Without it, the key is read from the"
    f" environment variable {KEY_VARIABLE}.",
)
@click.option(
    "--keys-file",
    type=click.Path(path_type=Path),
    envvar="CREWAI_HITL_KEYS_FILE",
    help="File of further, limited keys, made by `crewai-hitl keys add`; also"
    " CREWAI_HITL_KEYS_FILE.",
)
@click.option(
    "--store",
    metavar="PATH|URL",
    envvar=STORE_VARIABLE,
    default=_IN_MEMORY,
    show_default=True,
    help="Where the events are stored: a SQLite file, or postgresql://USER@HOST/DATABASE for a log"
    f" that several servers share; also {STORE_VARIABLE}. In memory, they are lost when the server"
    " stops.",
)
@click.option(
    "--retain-events",
    type=click.IntRange(0),
    help="Number of events to keep, not counting those of open questions. Default: "
    f"{RETAIN_EVENTS:,}, or {MEMORY_EVENTS:,} in memory.",
)
@click.option(
    "--retain-days",
    type=click.FloatRange(0),
    default=RETAIN_DAYS,
    show_default=True,
    callback=lambda ctx, param, days: _days(days),
    help="Days to keep events; those of open questions are always kept.",
)
@click.option(
    "--webhook-url",
    "webhook_urls",
    multiple=True,
    metavar="URL",
    help="Post every question and answer to this URL; repeatable. The calls are signed with the"
    f" secrets in the environment variable {SECRETS_VARIABLE}: newest first, separated by spaces.",
)
@click.option(
    "--webhook-allow-private",
    is_flag=True,
    help="Allow webhook URLs with plain http or with addresses in a private network.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=lambda ctx, param, given: _limits(given),
    help="A rate limit for each caller, such as publish_per_second=500; repeatable. The names are"
    " on the page Limits of the documentation.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    callback=lambda ctx, param, given: _proxies(given),
    help="Address or network of a reverse proxy whose X-Forwarded-For header is trusted;"
    " repeatable.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 3600),
    default=0,
    show_default=True,
    help="Seconds to keep serving after SIGTERM or Ctrl-C, while `health` reports `unhealthy` and a"
    " load balancer stops sending calls. A second signal ends the wait.",
)
@click.option(
    "--shortcuts/--no-shortcuts",
    default=True,
    help="Use faster paths that bypass Tornado's general code. --no-shortcuts is slower; use it to"
    " find out whether a shortcut causes a fault.",
)
@click.option(
    "--log",
    "log",
    type=click.Choice(["text", "json"]),
    help="Write a log to stderr. It contains ids, but never texts or keys.",
)
@json_option
@click.pass_obj
def serve(  # noqa: PLR0913, PLR0917 - every option of the command
    settings: Settings,
    host: str,
    port: int,
    api_key_file: Path | None,
    keys_file: Path | None,
    store: str,
    retain_events: int | None,
    retain_days: float,
    webhook_urls: tuple[str, ...],
    webhook_allow_private: bool,
    limits: dict[str, float],
    trusted_proxies: tuple[str, ...],
    drain_seconds: float,
    shortcuts: bool,
    log: str | None,
) -> None:
    """Run a server without Jupyter.

    Prints one line with the URL and serves until Ctrl-C or SIGTERM (exit code 0).

    There is no option for the API key: every user of this machine can read command lines, and
    shells save them in a history file. For the same reason, put a store URL with a password into
    the environment. Without a key, the server accepts only programs on this machine.
    """
    from crewai_hitl_nb.server.standalone import HumanInputServer, ServerError

    screen = settings.screen
    if log is not None:
        write_log(as_json=log == "json")
    try:
        key = _api_key(api_key_file)
        needs_key = key is not None or keys_file is not None
        if not needs_key and not _is_loopback(host):
            raise KeyTrouble(
                f"{host} can be reached from other machines: set --api-key-file or"
                f" {KEY_VARIABLE}, or listen on localhost"
            )
        server = HumanInputServer(
            host=host,
            port=port,
            api_key=key,
            keys_file=keys_file,
            store=store,
            retain_events=retain_events,
            retain_days=retain_days,
            webhook_urls=webhook_urls,
            webhook_secrets=os.environ.get(SECRETS_VARIABLE, "").split(),
            webhook_allow_private=webhook_allow_private,
            limits=limits,
            trusted_proxies=trusted_proxies,
            drain_seconds=drain_seconds,
            shortcuts=shortcuts,
        )
        asyncio.run(_serve(server, screen, server.store, needs_key=needs_key))
    except (ServerError, KeyTrouble) as error:
        screen.trouble(str(error))
        raise click.exceptions.Exit(1) from None


async def _serve(
    server: "HumanInputServer", screen: "Screen", store: str, *, needs_key: bool
) -> None:
    loop = asyncio.get_running_loop()
    await server.start_async()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # on Windows Ctrl-C interrupts the loop
            loop.add_signal_handler(number, server.stop)
    if screen.as_json:
        screen.record({"url": server.url, "store": store, "needs_key": needs_key})
    else:
        kept = "in memory" if store == _IN_MEMORY else f"in {store}"
        access = "with a key" if needs_key else "without a key"
        screen.say(f"Serving at {server.url} {access}; events are stored {kept}")
    await server.wait()


def _api_key(file: Path | None) -> str | None:
    """Return the API key; None for a server without one.

    Raises:
        KeyTrouble: A key was configured, but it cannot be read, or is blank, or contains a
            space. Starting without a key instead would let everybody in.
    """
    if file is not None:
        from crewai_hitl_nb.store.file_ownership import ForeignFile, refuse_foreign

        try:
            refuse_foreign(file.resolve())  # a secret mounted into a container is a link
            key, where = file.read_text().strip(), str(file)
        except ForeignFile as error:  # the file's owner would know the key
            raise KeyTrouble(f"the key file is not used: {error}") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise KeyTrouble(f"cannot read the key file {file}: {reason}") from None
    elif KEY_VARIABLE in os.environ:
        key, where = os.environ[KEY_VARIABLE].strip(), KEY_VARIABLE
    else:
        return None
    if not key:
        raise KeyTrouble(f"{where} is empty; put a key there, or leave it out to serve without one")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyTrouble(f"{where} must contain one key of ASCII characters without spaces")
    return key


def _days(days: float) -> float:
    """Return the number of days.

    Raises:
        click.BadParameter: It is ``nan`` or ``inf``, which click accepts as numbers.
    """
    if not math.isfinite(days):
        raise click.BadParameter(
            f"{days} is not a number of days; to limit only the number of events, give a high"
            " number of days"
        )
    return days


def _limits(given: tuple[str, ...]) -> dict[str, float]:
    """Return the rate limits by name.

    Raises:
        click.BadParameter: One of them is not a limit.
    """
    from crewai_hitl_nb.server.auth.rate_limits import CallerLimits

    try:
        pairs = (pair.partition("=") for pair in given)
        limits = {name.strip(): float(number) for name, _, number in pairs}
        CallerLimits.of(limits)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write NAME=NUMBER") from None
    return limits


def _proxies(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses of proxies.

    Raises:
        click.BadParameter: One of them is not an IP address or network.
    """
    try:
        for one in given:
            ipaddress.ip_network(one.strip(), strict=False)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write 10.0.0.7 or 10.0.0.0/24") from None
    return given


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
