"""No log has a word of a crew or of an answer, or a character that commands what shows it."""

import ast
import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import InvalidAnswer, StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import clean, logger, note
from crewai_hitl_nb.store.sqlite.errors import unavailable
from tests.events import completed, other, required

PACKAGE = Path(__file__).parents[2] / "crewai_hitl_nb"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGS = {"_log", "log"}
SAYABLE = {
    "address", "closed", "dropped", "error", "late", "path", "reason", "refusal",  # cleaned
    "execution_id", "flow_id", "id", "request_id", "event_id",
    "kind", "method", "name", "remote_ip", "status", "status_code", "transport", "url",
    "lacking", "shortcuts", "version",  # of Tornado and our names for its parts
}  # fmt: skip
"""What an argument of a line may be called: an id, a number, a word of ours, an error."""
HOSTILE = "\n2026 INFO forged\r\x1b[2J\x9b31m\u202e\u2028\U000e0041\u200b"
SECRET = "a-recognisable-text"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    """A logger of ours at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        yield logger("crewai_hitl_nb.for_a_test")


def written(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(logging.Formatter().format(record) for record in caplog.records)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Return every call of a logger in the package, and where it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of = node.func.value
            named = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if node.func.attr in LEVELS and named in LOGS:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def is_sayable(argument: ast.expr) -> bool:
    match argument:
        case ast.Constant() | ast.BinOp(left=ast.Constant()):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SAYABLE
        case ast.Call(func=ast.Name(id="len" | "_Line")):
            return True
        case ast.Attribute(attr="__name__", value=ast.Call(func=ast.Name(id="type"))):
            return True
        case ast.Call(func=ast.Name(id="described")):
            return True
    return False


def test_every_line_of_the_package_says_ids_numbers_and_kinds() -> None:
    found = list(calls())
    assert len(found) > 40
    for place, call in found:
        words = [a for a in call.args if not isinstance(a, ast.Name) or a.id != "level"]
        if getattr(call.func, "attr", "") == "log":
            words = call.args[1:]
        assert isinstance(words[0], ast.Constant), f"{place}: a line's words are fixed"
        wrong = [ast.unparse(a) for a in words[1:] if not _is_kind(a) and not is_sayable(a)]
        assert wrong == [], place


def _is_kind(argument: ast.expr) -> bool:
    return ast.unparse(argument).startswith("type(") and ast.unparse(argument).endswith("__name__")


def test_every_logger_of_the_package_is_cleaned() -> None:
    raw = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "getLogger(" in path.read_text()
    ]
    silences = "store/postgres/pool_lines.py"  # the logger of another package
    assert sorted(raw) == ["cli/logs.py", "protocol/log_lines.py", silences]


def test_no_id_or_word_forges_a_line_or_commands_a_terminal(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("request %s", HOSTILE)
    note(log, logging.INFO, "asked", request_id=HOSTILE)
    log.warning("request %s" % HOSTILE)  # noqa: UP031 - as a host writes its lines
    lines = written(caplog)
    assert lines.count("\n") == 2
    assert lines.replace("\n", "").isprintable()
    assert lines.isascii()
    assert str(vars(caplog.records[1])["request_id"]).isascii()


def test_an_error_that_quotes_an_answer_is_named_by_its_code(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [
        InvalidAnswer.at("values", f"{SECRET} is not one of the options"),
        ValueError(SECRET),
        KeyError(SECRET),
        UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET),
        sqlite3.OperationalError(SECRET),
        unavailable("cannot read", Path("x.db"), ValueError(SECRET)),
        unavailable("cannot read", Path("x.db"), _undecodable()),
    ]
    for error in errors:
        log.warning("refused: %s", error)
        try:
            raise RuntimeError(SECRET) from error
        except RuntimeError as outer:
            log.exception("failed: %s", outer)
            note(log, logging.DEBUG, "failed", reason=outer)
    assert SECRET not in written(caplog)
    assert SECRET not in str([vars(record) for record in caplog.records])
    assert "refused: invalid_answer" in written(caplog)
    assert "test_an_error_that_quotes_an_answer" in written(caplog)  # where it was


def _undecodable() -> sqlite3.Error:
    with pytest.raises(sqlite3.OperationalError) as error:
        sqlite3.connect(":memory:").execute(
            "SELECT CAST(? AS TEXT)", (f"{SECRET}\xff".encode("latin-1"),)
        ).fetchone()
    assert SECRET in str(error.value)
    return error.value


def test_what_the_machine_says_still_stands_in_full(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("waits: %s", StoreUnavailable("database or disk is full; free some space"))
    log.warning("waits: %s", FileNotFoundError(2, "x", SECRET))
    assert "database or disk is full; free some space" in written(caplog)
    assert "FileNotFoundError: No such file" in written(caplog)


def test_events_and_answers_show_no_text(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    events = (
        required("r", prompt=SECRET, context=SECRET),
        completed("r", SECRET),
        other(said=SECRET),
    )
    assert SECRET not in repr(events)
    log.warning("%s %r", events[0], Answer(human_feedback=SECRET))
    assert SECRET not in written(caplog)


def test_cleaning_twice_changes_nothing() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a %s", (HOSTILE,), None)
    clean(record)
    once = record.getMessage()
    clean(record)
    assert record.getMessage() == once


async def _default(prompt: str) -> None:
    from crewai_hitl_nb.broker.event_names import StableEventIds
    from crewai_hitl_nb.broker.requests.closers import RequestClosers
    from crewai_hitl_nb.store.memory import MemoryStore
    from tests.events import NOON

    store = MemoryStore()
    await store.start(lambda commits: None)
    endings = RequestClosers(store, lambda: NOON, StableEventIds(), retry_seconds=1)
    question = required("r", response={"decisions": ["reject"]})
    wrong = msgspec.structs.replace(
        question,
        request_id=f"q{HOSTILE}",
        response=msgspec.structs.replace(
            question.response, default={"option": prompt}, on_expiry="default"
        ),
    )
    endings.due(wrong)
    await endings.close()
    await store.close()


def test_a_default_that_does_not_fit_is_told_of_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        asyncio.run(_default(f"{SECRET}\x1b[2J"))
    ours = [r for r in caplog.records if r.name.startswith("crewai_hitl_nb")]
    assert "its default answer is wrong" in written(caplog)
    assert SECRET not in "\n".join(logging.Formatter().format(record) for record in ours)
    assert all(logging.Formatter().format(record).isprintable() for record in ours)
