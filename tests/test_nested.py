"""``allow_nested_loops()``, each time in a process of its own: it patches for good."""

import subprocess
import sys

NESTED = """
import asyncio, sys
import crewai_hitl_nb as hitl

async def inner():
    return "inner"

async def outer():
    return asyncio.run(inner())

assert "nest_asyncio2" not in sys.modules
hitl.allow_nested_loops()
hitl.allow_nested_loops()
assert "crewai" not in sys.modules
print(asyncio.run(outer()))
"""
MISSING = """
import sys
sys.modules["nest_asyncio2"] = None  # as if it were not installed
import crewai_hitl_nb as hitl
hitl.allow_nested_loops()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_loop_runs_inside_a_loop_however_often_it_was_allowed() -> None:
    result = run(NESTED)
    assert result.stdout == "inner\n", result.stderr


def test_what_to_install_is_said_when_it_is_missing() -> None:
    result = run(MISSING)
    assert result.returncode != 0
    assert "pip install nest-asyncio2" in result.stderr
