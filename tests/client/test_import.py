"""The public names: complete, sorted, and light to import."""

import subprocess
import sys
from collections.abc import Callable

import pytest

import crewai_hitl_nb as hitl

LOOK = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
import crewai_hitl_nb
print(time.perf_counter() - began)
print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))
"""


def test_every_public_name_is_there_and_sorted() -> None:
    assert hitl.__all__ == sorted(hitl.__all__)
    for name in hitl.__all__:
        assert getattr(hitl, name) is not None
        assert name in dir(hitl)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hitl.no_such_name


def test_the_import_takes_neither_crewai_nor_a_server_along(
    record_property: Callable[[str, object], None],
) -> None:
    runs = [
        subprocess.run([sys.executable, "-c", LOOK], text=True, capture_output=True, check=True)
        for _ in range(3)
    ]
    seconds = min(float(run.stdout.splitlines()[0]) for run in runs)
    taken_along = set(runs[0].stdout.splitlines()[1].split())

    record_property("import_seconds", seconds)
    # What it costs is recorded and not asserted: the machine is shared. What makes it cost is.
    heavy = {"crewai", "tornado", "jupyter_server", "anywidget", "ipywidgets", "httpx", "IPython"}
    assert taken_along & heavy == set()
