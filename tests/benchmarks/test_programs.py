"""One program runs small: against the real server, a peer and the limit."""

import shutil

import pytest

from benchmarks.__main__ import main, run
from benchmarks.program import Plan
from benchmarks.programs import PROGRAMS, fanout
from benchmarks.results import PRODUCT


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
