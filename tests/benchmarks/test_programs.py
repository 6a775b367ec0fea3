"""One program runs small: against the real server, a peer and the limit."""

import shutil

import pytest

from benchmarks.__main__ import main, run
from benchmarks.processes import BenchError
from benchmarks.program import Plan
from benchmarks.programs import PROGRAMS, fanout, team_answers
from benchmarks.programs.team_answers import Replies
from benchmarks.results import PRODUCT
from benchmarks.targets.database import Database


def test_programs_have_names_of_their_own() -> None:
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


def test_a_program_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fan-in"]) == 2
    assert "fanout" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("cc") is None, reason="the generator is C")
def test_fan_out_measures_the_product_beside_a_peer_and_the_limit() -> None:
    targets = (PRODUCT, "FastAPI", "bare loop")
    rows = run(fanout.PROGRAM, Plan(repetitions=1, sizes=(10, 20), targets=targets))
    for transport in ("WS", "SSE"):
        (row,) = [row for row in rows if row.case == f"20 subscribers, {transport}"]
        assert set(row.figures) == {*targets, "commit"}
        assert all(figure > 0 for figure in row.figures.values())
    assert any(row.program == "lag" for row in rows)


def test_the_database_that_is_measured_waits_for_its_disk() -> None:
    database = Database()
    try:
        with database.connect() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
    finally:
        database.stop()


def test_of_five_racing_answers_at_a_real_team_one_wins_and_four_are_refused() -> None:
    (row,) = run(team_answers.PROGRAM, Plan(options={"questions": "20"}))
    assert all(goal.reached for goal in row.goals)
    assert row.note.startswith("80 answers were refused")


def test_a_question_with_two_winners_has_no_result() -> None:
    replies = Replies()
    assert not replies.take(b'{"type":"answered","ref":"0:q1"}')
    assert not replies.take(b'{"type":"error","error":"already_answered","ref":"1:q1"}')
    with pytest.raises(BenchError, match="second winner"):
        replies.take(b'{"type":"answered","ref":"2:q1"}')
