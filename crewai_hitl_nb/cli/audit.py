"""``crewai-hitl audit``: exports and verifies the sealed audit trail of questions and answers.

Exporting asks a server or reads a log itself (``trail.py``). Verifying needs neither; its rules
are in ``protocol/audit/verification.py``.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, TypeAlias

import click
import msgspec

from crewai_hitl_nb.cli.exit_codes import Exit
from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.cli.stored_log import complete_file, existing_log
from crewai_hitl_nb.cli.trail import Entry, Page, Pages, pages_of_server, pages_of_store
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.audit.comparison import Comparison
from crewai_hitl_nb.protocol.audit.verification import (
    VERSION,
    Begin,
    HeadLine,
    Problem,
    RecordLine,
    Verdict,
    verify,
)
from crewai_hitl_nb.protocol.errors import HitlError

if TYPE_CHECKING:
    from crewai_hitl_nb.store.open import Location

_SHOWN: Final = 20
"""How many problems are printed; ``--json`` lists them all."""

Write: TypeAlias = Callable[[bytes], None]


class Moved(HitlError):
    """The log was pruned or replaced during the export or the comparison."""

    code = "log_moved"


@click.group(invoke_without_command=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the trail to this new file instead of stdout.",
)
@click.option(
    "--store",
    metavar="LOG",
    callback=existing_log,
    shell_complete=complete_file,
    help="Read this log itself (a file, or the URL of a database) instead of asking a server.",
)
@server_options
@json_option
@click.pass_context
def audit(ctx: click.Context, output: Path | None, store: "Location | None") -> None:
    """Export the audit trail: every event of the log with its seal, as JSON lines.

    Each seal covers all records before it. The last seal, the head, is printed on stderr. Keep it
    where nobody with write access to the log can change it; `audit verify --head` can then tell
    whether the log is still the same.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = ctx.ensure_object(Settings)
    source = pages_of_store(settings, store) if store is not None else pages_of_server(settings)
    if output is None:
        head = asyncio.run(_export(source, settings.screen.record))
    else:
        try:
            # Readable by this user only; never over an existing file, not even a link.
            handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                head = asyncio.run(_export(source, lambda line: _line(file, line)))
        except OSError as error:
            raise HitlError(f"cannot write {output}: {error.strerror or error}") from error
    settings.screen.ask(f"head {head}")


def _line(file: IO[bytes], line: bytes) -> None:
    file.write(line + b"\n")


async def _export(source: AbstractAsyncContextManager[Pages], write: Write) -> Head:
    """Write the log as it is now, page by page; return its head."""
    async with source as pages:
        page = first = await pages(0)
        write(_json(_begin(first)))
        while True:
            for entry in page.entries:
                if entry.offset <= first.head.offset:
                    write(_json(_record(entry)))
            if page.next is None or int(page.next) >= first.head.offset:
                break
            after = int(page.next)
            page = await pages(after)
            if page.epoch != first.epoch or page.start.offset != after:
                raise Moved("the log was pruned or replaced while it was read; export it again")
        write(_json(HeadLine(first.head.offset, first.head.seal)))
        return first.head.head


def _begin(first: Page) -> Begin:
    chain = "" if first.chain == first.epoch else first.chain
    place = first.start
    return Begin(VERSION, first.epoch, first.complete, place.offset, place.seal, chain)


def _record(entry: Entry) -> RecordLine:
    return RecordLine(entry.offset, entry.seal, entry.event, entry.digest, entry.before)


def _json(line: Begin | RecordLine | HeadLine) -> bytes:
    return msgspec.json.encode(line)


@audit.command(name="verify")
@click.argument("trail", type=click.File("rb"))
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="OFFSET:SEAL",
    help="A head that you kept; the trail must contain it. Repeatable.",
)
@click.option(
    "--against-server", is_flag=True, help="Also compare the trail with the server's log."
)
@click.option(
    "--against",
    metavar="LOG",
    callback=existing_log,
    shell_complete=complete_file,
    help="Also compare the trail with this log: a file, or the URL of a database.",
)
@server_options
@json_option
@click.pass_obj
def verify_trail(
    settings: Settings,
    trail: IO[bytes],
    heads: tuple[str, ...],
    against_server: bool,
    against: "Location | None",
) -> None:
    """Verify the exported file TRAIL (- for stdin).

    Reports each record that was changed, removed or moved, and a trail that was cut short; with
    --against also each file of a question or an answer whose content is lost or altered. The exit
    code is 1 if anything is wrong, and 7 if nothing is wrong but the trail covers only part of its
    log.
    """
    try:
        kept = [Head.from_text(text) for text in heads]
    except ValueError:
        raise click.UsageError("a head has the form OFFSET:SEAL, as `audit` prints it") from None
    verdict = verify(trail, kept)
    sources = [pages_of_store(settings, against)] if against is not None else []
    if against_server:
        sources.append(pages_of_server(settings))
    if against is not None:
        lost = _lost_files(against)
        verdict = msgspec.structs.replace(verdict, problems=[*verdict.problems, *lost])
    compared, behind = False, 0
    for source in sources:
        verdict, whole, more = asyncio.run(_held_against(source, verdict))
        compared = compared or (whole and not more)
        behind = max(behind, more)
    standing = _standing(verdict, compared=compared)
    _tell(settings, verdict, standing, behind)
    if standing in _EXITS:
        raise click.exceptions.Exit(_EXITS[standing])


def _lost_files(location: "Location") -> list[Problem]:
    """Return a problem for each file whose content the log lost; the events hold the hashes."""
    from crewai_hitl_nb.store.open import looking_at

    with looking_at(location) as stored:
        return [
            Problem(
                "missing", None, f"the content of file {sha256} of request {request_id} is lost"
            )
            for request_id, sha256 in stored.lost_files()
        ]


Standing: TypeAlias = Literal["verified", "unbroken", "part", "wrong"]
"""The verdict on a trail.

verified: nothing was changed or cut: the trail ends at a head that was kept, or at the log's own.
unbroken: nothing was changed since the chain was made. Nothing proves who made the chain or, where
    the log continues after the trail, whether the trail was exported earlier or cut.
part: each record matches its own seal; missing records cannot be detected.
wrong: the trail is not what was sealed.
"""

_EXITS: Final[Mapping[Standing, int]] = {"wrong": Exit.FAILURE, "part": Exit.PART}


def _standing(verdict: Verdict, *, compared: bool) -> Standing:
    if verdict.problems:
        return "wrong"
    if not verdict.complete:
        return "part"
    at_head = verdict.head is not None and verdict.kept == verdict.head.offset
    holds_something = bool(verdict.records or verdict.pruned)
    return "verified" if holds_something and (compared or at_head) else "unbroken"


async def _held_against(
    source: AbstractAsyncContextManager[Pages], verdict: Verdict
) -> tuple[Verdict, bool, int]:
    """Compare the trail with a log, record by record.

    Returns:
        The verdict, whether the whole log was visible, and how many records the log has after
        the end of the trail.
    """
    if verdict.head is None:
        return verdict, False, 0
    comparison = Comparison(verdict, verdict.head)
    async with source as pages:
        page = first = await pages(0)
        going = comparison.log(page.chain, page.start.head, page.head.head, complete=page.complete)
        while going:
            for entry in page.entries:
                if entry.offset <= verdict.head.offset:
                    comparison.record(_record(entry))
            after = int(page.next or 0)
            going = 0 < after < verdict.head.offset
            if going:
                page = await pages(after)
                _same_log(first, page, after)
    problems = [*verdict.problems, *comparison.problems()]
    behind = max(0, first.head.offset - verdict.head.offset)
    return msgspec.structs.replace(verdict, problems=problems), first.complete, behind


def _same_log(first: Page, page: Page, after: int) -> None:
    if page.epoch != first.epoch or page.start.offset != after:
        raise Moved("the log was pruned or replaced while it was read; try again")


def _tell(settings: Settings, verdict: Verdict, standing: Standing, behind: int) -> None:
    screen = settings.screen
    head = str(verdict.head) if verdict.head else None
    if screen.as_json:
        fields = msgspec.structs.asdict(verdict)
        del fields["held"]
        fields["begin"] = str(verdict.begin) if verdict.begin else None
        ok = standing in ("verified", "unbroken")
        screen.record({"ok": ok, "standing": standing, "behind": behind, **fields, "head": head})
        return
    for problem in verdict.problems[:_SHOWN]:
        screen.say((f"{problem.what:10}", "red"), f" {problem.message}")
    if len(verdict.problems) > _SHOWN:
        screen.say(f"and {len(verdict.problems) - _SHOWN} more; --json has them all")
    counted = f"{verdict.records} records"
    counted += f", {verdict.pruned} of them pruned to a digest" if verdict.pruned else ""
    if verdict.begin is not None and verdict.begin.offset and verdict.complete:
        counted += f", starting after record {verdict.begin.offset}"
    if standing == "wrong":
        screen.say(f"{counted}; the trail is not what was sealed")
    elif standing == "verified":
        screen.say(("verified", "green"), f"  {counted}, unbroken up to head {head}")
    elif standing == "unbroken":
        screen.say(("unbroken", "green"), f"  {counted}, up to head {head}")
        for line in _what_would_tell(verdict, behind):
            screen.say(f"    {line}")
    else:
        screen.say(("a part", "yellow"), f"    {counted} from part of the log, none of them wrong;")
        screen.say(
            "    missing records cannot be detected: export with a key that reads the whole log"
        )


def _what_would_tell(verdict: Verdict, behind: int) -> tuple[str, ...]:
    if behind:
        return (
            f"each record is in the log, which has {behind} more after the end of this trail.",
            "The trail was exported before they were written, or it was cut. To tell which, give",
            "the head that `audit` printed (--head).",
        )
    known = f"up to {verdict.kept} only" if verdict.kept is not None else "none"
    return (
        f"to prove whose chain this is, give a head that you kept ({known} was given), or the log:",
        "--head, --against-server, --against LOG",
    )
