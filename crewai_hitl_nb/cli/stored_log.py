"""The parameter of commands that open a log themselves: a file's path, or the URL of a database."""

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from crewai_hitl_nb.store.open import Location


def location_of(ctx: click.Context, param: click.Parameter, value: str | None) -> "Location | None":
    """Return the location of a log, as a click callback.

    Raises:
        HitlError: It is the URL of no store.
        click.BadParameter: It is the path of a folder.
    """
    from crewai_hitl_nb.store.open import locate

    if value is None:
        return None
    location = locate(value)
    if location.path is not None and location.path.is_dir():
        raise click.BadParameter(f"{location.path} is a folder")
    return location


def existing_log(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> "Location | None":
    """Return the location of a log whose file must exist, as a click callback.

    Raises:
        HitlError: It is the URL of no store.
        click.BadParameter: There is no such file.
    """
    location = location_of(ctx, param, value)
    if location is not None and location.path is not None and not location.path.exists():
        raise click.BadParameter(f"the file {location.path} does not exist")
    return location


def complete_file(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the path of a file, as a click callback."""
    return [CompletionItem(incomplete, type="file")]
