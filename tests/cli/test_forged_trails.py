"""``crewai-hitl audit verify``: what a forger does to a trail, or to the log, is told."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import Result

from crewai_hitl_nb.cli.exit_codes import Exit
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.audit import chain
from tests.cli.command import Commands, clean_env
from tests.cli.test_audit import KEY, Log, log
from tests.events import other

__all__ = ["log"]  # a fixture

Lines: TypeAlias = list[dict[str, Any]]
TRUE, FORGED = "Yes, do", "No, stop"
ANSWER = 2


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def verify(log: Log, text: str, *args: str) -> Result:
    """Verify a trail by everything there is to hold it against."""
    file = log.folder / "forged.jsonl"
    file.write_text(text)
    return log.cli()("audit", "verify", str(file), *args)


def everything(log: Log, head: str) -> list[str]:
    return ["--head", head, "--against-server", "--against", str(log.store)]


def true_digest(line: dict[str, Any]) -> str:
    return hashlib.sha256(compact(line["event"]).encode()).hexdigest()


def changed_beside_its_digest(lines: Lines) -> None:
    lines[ANSWER]["digest"] = true_digest(lines[ANSWER])
    lines[ANSWER]["event"]["human_feedback"] = FORGED


def offset_changed_beside_the_event(lines: Lines) -> None:
    lines[ANSWER]["offset"] = 3


def left_out_as_if_pruned(lines: Lines) -> None:
    lines[ANSWER] = {
        "type": "audit_record",
        "offset": ANSWER,
        "seal": lines[ANSWER]["seal"],
        "digest": true_digest(lines[ANSWER]),
    }


def words_beside_the_event(lines: Lines) -> None:
    lines[ANSWER]["answered_by"] = "the boss"


def begun_again_in_the_middle(lines: Lines) -> None:
    seal = lines[4]["seal"]
    lines[2:5] = [{**lines[0], "offset": 4, "seal": seal}]


def begun_later_as_if_pruned(lines: Lines) -> None:
    lines[0:3] = [{**lines[0], "offset": 2, "seal": lines[2]["seal"]}]


def called_a_part(lines: Lines) -> None:
    before = lines[0]["seal"]
    lines[0]["complete"] = False
    for line in lines[1:-1]:
        line["before"], before = before, line["seal"]
    del lines[ANSWER]


def of_an_unknown_type(lines: Lines) -> None:
    lines.insert(3, {"type": "audit_answer", "offset": 2, "seal": lines[2]["seal"]})


def cut_at_its_end(lines: Lines) -> None:
    lines[3:] = [{"type": "audit_head", "offset": 2, "seal": lines[2]["seal"]}]


def repeated(lines: Lines) -> None:
    lines.insert(4, lines[3])


def of_another_epoch(lines: Lines) -> None:
    lines[0]["epoch"] = "another"


FORGERIES = [
    changed_beside_its_digest,
    offset_changed_beside_the_event,
    left_out_as_if_pruned,
    words_beside_the_event,
    begun_again_in_the_middle,
    begun_later_as_if_pruned,
    called_a_part,
    of_an_unknown_type,
    cut_at_its_end,
    repeated,
    of_another_epoch,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_trail_is_not_verified(log: Log, forge: Callable[[Lines], None]) -> None:
    file, head = log.export()
    lines: Lines = [json.loads(line) for line in file.read_text().splitlines()]
    whole = verify(log, file.read_text(), *everything(log, head))
    assert (whole.exit_code, whole.stdout.split()[0]) == (Exit.OK, "verified")
    forge(lines)
    result = verify(log, "".join(compact(line) + "\n" for line in lines), *everything(log, head))
    assert result.exit_code == (Exit.PART if forge is called_a_part else Exit.FAILURE)
    assert "verified" not in result.stdout


@pytest.mark.parametrize("twice", ["human_feedback", "event"])
def test_a_line_with_a_repeated_field_is_refused(log: Log, twice: str) -> None:
    file, head = log.export()
    raw = file.read_text().splitlines(keepends=True)
    if twice == "event":
        raw[ANSWER] = raw[ANSWER].replace('"event":', '"event":{"decision":"reject"},"event":')
    else:
        said = f'"human_feedback":"{TRUE}"'
        raw[ANSWER] = raw[ANSWER].replace(said, f'"human_feedback":"{FORGED}",{said}')
    result = verify(log, "".join(raw), *everything(log, head))
    assert result.exit_code == Exit.FAILURE
    assert "verified" not in result.stdout


@pytest.mark.parametrize("against", ["--against-server", "--against"])
@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '{TRUE}', '{FORGED}') AS BLOB)"
        " WHERE offset = 2",
        "UPDATE events SET seal = zeroblob(32) WHERE offset = 2",
        "DELETE FROM events WHERE offset = 2",
    ],
    ids=["text", "seal", "gone"],
)
def test_a_row_that_was_changed_in_the_log_is_reported(
    log: Log, statement: str, against: str
) -> None:
    file, _ = log.export()
    log.tamper(statement)
    which = ["--against-server"] if against == "--against-server" else [against, str(log.store)]
    result = verify(log, file.read_text(), "--json", *which)
    assert result.exit_code == Exit.FAILURE
    assert [problem["offset"] for problem in json.loads(result.stdout)["problems"]] == [ANSWER]


def test_a_part_that_somebody_made_up_is_never_called_verified(log: Log) -> None:
    event = {"type": "human_input_completed", "event_id": "x", "offset": 2, "decision": "approve"}
    before = hashlib.sha256(b"anything").digest()
    seal = chain.sealed(before, compact(event).encode()).hex()
    record = {"type": "audit_record", "offset": 2, "seal": seal, "event": event}
    epoch = json.loads(log.export()[0].read_text().splitlines()[0])["epoch"]
    begin = {"type": "audit_begin", "version": 1, "epoch": epoch, "complete": False, "offset": 0}
    lines = [
        {**begin, "seal": chain.start(epoch).seal.hex()},
        {**record, "before": before.hex()},
        {"type": "audit_head", "offset": 2, "seal": seal},
    ]
    text = "".join(compact(line) + "\n" for line in lines)
    alone = verify(log, text)
    assert (alone.exit_code, "verified" in alone.stdout) == (Exit.PART, False)
    held = verify(log, text, "--against-server")
    assert (held.exit_code, "different content in the log" in held.stdout) == (Exit.FAILURE, True)


def test_a_limited_keys_trail_fits_the_log_and_is_still_a_part(log: Log) -> None:
    text = log.cli(log.limited)("audit").stdout
    result = verify(log, text, "--against-server")
    assert (result.exit_code, "verified" in result.stdout) == (Exit.PART, False)


def test_a_trail_without_a_head_or_log_to_compare_is_unbroken_and_not_verified(log: Log) -> None:
    file, head = log.export()
    result = verify(log, file.read_text())
    assert (result.exit_code, result.stdout.split()[0]) == (Exit.OK, "unbroken")
    with Client(log.server.url, KEY) as client:
        client.publish(other())
    later = log.export(name="later.jsonl")[0].read_text()
    assert verify(log, later, "--head", head).stdout.startswith("unbroken")
    assert f"up to {head.split(':')[0]} only" in verify(log, later, "--head", head).stdout


@pytest.mark.parametrize("against", ["--against-server", "--against"])
def test_a_trail_that_was_cut_to_an_earlier_end_is_not_verified(log: Log, against: str) -> None:
    file, head = log.export()
    lines: Lines = [json.loads(line) for line in file.read_text().splitlines()]
    last = lines[-3]
    cut = [*lines[:-2], {**lines[-1], "offset": last["offset"], "seal": last["seal"]}]
    text = "".join(compact(line) + "\n" for line in cut)
    which = [against] if against == "--against-server" else [against, str(log.store)]
    result = verify(log, text, *which)
    assert (result.exit_code, "verified" in result.stdout) == (Exit.OK, False)
    assert "1 more after the end of this trail" in result.stdout
    said = json.loads(verify(log, text, "--json", *which).stdout)
    assert (said["standing"], said["behind"]) == ("unbroken", 1)
    assert verify(log, text, "--head", head, *which).exit_code == Exit.FAILURE
    own_end = f"{last['offset']}:{last['seal']}"
    assert verify(log, text, "--head", own_end, *which).stdout.startswith("verified")


def test_an_empty_file_is_no_trail(log: Log) -> None:
    assert verify(log, "").exit_code == Exit.FAILURE


def test_two_heads_for_one_place_cannot_both_be_right(log: Log) -> None:
    file, head = log.export()
    wrong = head.split(":")[0] + ":" + "0" * 64
    for heads in ([head, wrong], [wrong, head]):
        args = [arg for each in heads for arg in ("--head", each)]
        assert verify(log, file.read_text(), *args).exit_code == Exit.FAILURE


def test_a_log_that_was_pruned_since_is_compared_as_far_as_it_goes(log: Log) -> None:
    file, _ = log.export()
    loop, broker = log.server._loop, log.server._runtime.services.broker
    assert loop is not None
    assert broker is not None
    asyncio.run_coroutine_threadsafe(broker.prune(keep=2, days=1000), loop).result()
    assert verify(log, file.read_text(), "--against-server").stdout.startswith("verified")
    lines: Lines = [json.loads(line) for line in file.read_text().splitlines()]
    begun_later_as_if_pruned(lines)
    text = "".join(compact(line) + "\n" for line in lines)
    assert verify(log, text, "--against-server").exit_code == Exit.OK  # it was pruned further


def test_the_verdict_needs_no_server(log: Log, tmp_path: Path) -> None:
    file, head = log.export()
    result = Commands(clean_env(tmp_path))("audit", "verify", str(file), "--head", head)
    assert result.stdout.startswith("verified")
