"""Ratios, goals, and the page that is made of them."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import chart, report
from benchmarks.program import Program
from benchmarks.programs.lag import histogram
from benchmarks.report import Run
from benchmarks.results import PRODUCT, Goal, Row, Samples, at_least, at_most


def samples(**each: list[float]) -> Samples:
    return Samples(dict(each))


def test_a_ratio_is_the_median_of_pairs_and_not_of_all() -> None:
    drifting = samples(product=[2.0, 20.0, 6.0], peer=[1.0, 10.0, 1.0])
    assert drifting.ratio("product", "peer") == 2.0


def test_a_limit_may_have_two_parts() -> None:
    assert samples(product=[6.0], loop=[2.0], commit=[1.0]).ratio("product", "loop", "commit") == 2


def test_a_goal_is_missed_on_the_wrong_side_of_its_bound() -> None:
    both = samples(product=[3.0], peer=[2.0])
    (most,) = at_most(1.3, both, PRODUCT, "peer")
    (least,) = at_least(1.3, both, PRODUCT, "peer")
    assert not most.reached
    assert least.reached


def test_a_goal_beside_a_peer_that_is_not_installed_is_left_out() -> None:
    assert at_most(1.3, samples(product=[3.0]), PRODUCT, "nchan") == []


def test_every_sample_of_the_lag_is_in_one_bin() -> None:
    counts = {0: 5, 1: 4, 49: 3, 50: 2, 7000: 1}
    found = histogram(counts)
    assert sum(found.values()) == 15
    assert found["< 50 ms"] == 3
    assert found["< 100 ms"] == 2


ROWS = [
    Row(
        "fanout",
        "1,000 <subscribers>",
        "ms",
        {PRODUCT: 12.0, "nchan": 10.0, "bare loop": 8.0, "commit": 0.5},
        [Goal("nchan", "at most", 1.0, 1.2)],
    ),
    Row("sustained", "WS", "deliveries/s", {PRODUCT: 100.0, "nchan": 20.0}, lower_is_better=False),
    Row("lag", "during fan-out", "samples", {"< 1 ms": 9}, [Goal("", "at most", 50, 4, "ms")]),
]
PROGRAMS = [
    Program(name, f"about {name}", lambda bench: []) for name in ("fanout", "sustained", "replay")
]
RUN = Run(PROGRAMS, ROWS, {"replay": "events were lost"}, {"date": "today"})


def test_the_report_says_what_was_missed_and_what_failed() -> None:
    text = report.results(RUN)
    assert "1 of 2 goals were reached" in text
    assert "✗ 1.2× of nchan (goal ≤ 1): MISSED" in text
    assert "✓ 4 ms (goal ≤ 50): reached" in text
    assert "No result: events were lost" in text


def test_the_report_changes_its_own_part_of_the_page_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nolder results\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "CHART", tmp_path / "performance.svg")
    report.write(RUN)
    first = page.read_text()
    report.write(RUN)
    assert page.read_text() == first
    assert first.startswith(f"before\n{report.BEGIN}\n")
    assert first.endswith(f"{report.END}\nafter\n")
    assert "older results" not in first


def test_the_chart_compares_times_and_rates_alike() -> None:
    assert chart.multiples(ROWS[0]) == pytest.approx({"nchan": 10 / 12, "bare loop": 8 / 12})
    assert chart.multiples(ROWS[1]) == pytest.approx({"nchan": 5.0})
    assert chart.multiples(ROWS[2]) == {}


def test_the_chart_is_a_picture_for_light_and_dark() -> None:
    picture = chart.draw(ROWS)
    titles = [
        node.text for node in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")
    ]
    assert "nchan: 5 × the product" in titles
    assert "prefers-color-scheme: dark" in picture
