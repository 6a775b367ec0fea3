"""``crewai-hitl keys``: manages the limited API keys of a standalone server.

The keys are in a file of the server (``server/auth/keyring.py``) and cannot be managed over the
network. So this command imports the server half, as ``serve`` does, but only when it runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crewai_hitl_nb.cli.settings import Settings, json_option
from crewai_hitl_nb.protocol.ids import complaint

if TYPE_CHECKING:
    from crewai_hitl_nb.server.auth.keyring import ApiKey, Keyring

COLUMNS = ("ID", "NAME", "RIGHTS", "LIMITED TO", "MADE")

_file_option = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CREWAI_HITL_KEYS_FILE",
    required=True,
    help="The keys file, which `serve --keys-file` reads; also CREWAI_HITL_KEYS_FILE.",
)


def _ids(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse ids that no event can have: a key limited to them would give access to nothing."""
    for name in given:
        if (wrong := complaint(name)) is not None:
            raise click.BadParameter(wrong)
    return given


@click.group()
def keys() -> None:
    """Make, list and revoke API keys of a standalone server.

    A key can be limited to certain rights and to certain executions or crews. The file stores
    only hashes of the keys. A running server applies every change from the next request on.
    """


@keys.command("add")
@click.argument("name")
@click.option(
    "--right",
    "rights",
    multiple=True,
    type=click.Choice(["read", "publish", "answer"]),
    help="What the key allows; repeatable. Default: everything.",
)
@click.option(
    "--execution",
    "executions",
    multiple=True,
    callback=_ids,
    help="Limit the key to this execution; repeatable.",
)
@click.option(
    "--crew",
    "crews",
    multiple=True,
    callback=_ids,
    help="Limit the key to this crew, by its id; repeatable.",
)
@_file_option
@json_option
@click.pass_obj
def add(
    settings: Settings,
    name: str,
    rights: tuple[Any, ...],
    executions: tuple[str, ...],
    crews: tuple[str, ...],
    file: Path,
) -> None:
    """Make a key for NAME and print it. It is printed only once and stored nowhere."""
    with _keyring(settings, file) as keyring:
        entry, key = keyring.add(
            name,
            rights or ("read", "publish", "answer"),
            datetime.now(timezone.utc),
            executions=executions or None,
            crews=crews or None,
        )
    if settings.as_json:
        settings.screen.record({"key": key, **_record(entry)})
    else:
        settings.screen.say(key)
        settings.screen.ask(f"Made key {entry.id} for {name}. It is not shown again.")


@keys.command("list")
@_file_option
@json_option
@click.pass_obj
def list_(settings: Settings, file: Path) -> None:
    """List the keys' names and limits, oldest first; the keys themselves are not stored."""
    with _keyring(settings, file) as keyring:
        entries = keyring.all()
    if settings.as_json:
        for entry in entries:
            settings.screen.record(_record(entry))
        return
    settings.screen.table(COLUMNS, [_row(entry) for entry in entries])


@keys.command("revoke")
@click.argument("key_id")
@_file_option
@json_option
@click.pass_obj
def revoke(settings: Settings, key_id: str, file: Path) -> None:
    """Revoke the key KEY_ID (the first column of `keys list`)."""
    with _keyring(settings, file) as keyring:
        revoked = keyring.revoke(key_id)
    if not revoked:
        settings.screen.trouble(f"there is no key {key_id} in {file}; see `keys list`")
        raise click.exceptions.Exit(1)
    if settings.as_json:
        settings.screen.record({"id": key_id, "revoked": True})
    else:
        settings.screen.say(f"revoked {key_id}")


@contextmanager
def _keyring(settings: Settings, file: Path) -> Iterator["Keyring"]:
    from crewai_hitl_nb.server.auth.keyring import KeyFileError, Keyring

    try:
        yield Keyring(file)
    except KeyFileError as error:
        settings.screen.trouble(str(error))
        raise click.exceptions.Exit(1) from None


def _record(entry: "ApiKey") -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "rights": sorted(entry.rights),
        "executions": _names(entry.executions),
        "crews": _names(entry.crews),
        "created": entry.created,
    }


def _row(entry: "ApiKey") -> tuple[str, ...]:
    limited = [f"execution {name}" for name in _names(entry.executions) or ()]
    limited += [f"crew {name}" for name in _names(entry.crews) or ()]
    return (
        entry.id,
        entry.name,
        ", ".join(sorted(entry.rights)),
        ", ".join(limited) or "nothing",
        entry.created.date().isoformat(),
    )


def _names(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
