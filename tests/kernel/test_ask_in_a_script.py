"""Asking from a plain script without any server: the console asks, its end answers nothing."""

import subprocess
import sys
from pathlib import Path

from tests.jupyter_process import REPOSITORY, scratch_env
from tests.kernel.test_ask_in_a_cell import CREW_WITH_A_TOOL

ENDINGS = ("refused", "expired", "cancelled")

PARTS = f"""\
import enum, sys
sys.path.append({str(REPOSITORY)!r})
import crewai_hitl_nb as hitl
from crewai import Agent, Crew, Task
from pydantic import BaseModel, field_validator
{CREW_WITH_A_TOOL}

class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2

class Order(BaseModel):
    table: str
    size: Size
    hot: bool = False

    @field_validator("table")
    @classmethod
    def known(cls, table):
        if table == "moon":
            raise ValueError("no such table")
        return table
"""


def run(tmp_path: Path, code: str, typed: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end with this on its stdin."""
    path = tmp_path / "script.py"
    path.write_text(f"{PARTS}\n{code}\n")
    return subprocess.run(
        [sys.executable, str(path)],
        env=scratch_env(tmp_path),
        input=typed,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_console_accepts_every_kind_of_answer(tmp_path: Path) -> None:
    code = """\
print(repr(hitl.ask("Which?")))
print(repr(hitl.ask("Which one?", options=["a", "b"])))
print(repr(hitl.ask("Which ones?", options=["a", "b", "c"], multiple=True)))
print(repr(hitl.ask("Order", schema=Order)))
import asyncio
print(repr(asyncio.run(hitl.ask_async("And?"))))
"""
    form = "moon\n1\nyes\n" + "sun\n3\n\n" + "sun\n2\n\n"
    ended = run(tmp_path, code, f"sales\n7\n2\n1,3\n{form}ok\n")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "'sales'",
        "'b'",
        "['a', 'c']",
        "Order(table='sun', size=<Size.LARGE: 2>, hot=True)",
        "'ok'",
    ]
    assert "no such table" in ended.stderr


def test_the_end_of_the_input_is_no_answer(tmp_path: Path) -> None:
    code = """\
def gated():
    with hitl.approve_tools("delete_*"):
        make_keeper(delete_file).kickoff()

for asking in (
    lambda: hitl.ask("Which?", default="sales"),
    lambda: hitl.ask("Which?", options=["a"]),
    lambda: hitl.ask("Which?", schema=Order),
    gated,
):
    try:
        print("went on with", asking())
    except hitl.NotAnswered as error:
        print(error.ending)
print(deleted)
"""
    ended = run(tmp_path, code, "")

    assert [line for line in ended.stdout.splitlines() if line in ENDINGS] == ["refused"] * 4
    assert "went on" not in ended.stdout
    assert ended.stdout.endswith("[]\n"), ended.stderr


def test_without_standard_input_or_error_no_answer_is_assumed(tmp_path: Path) -> None:
    """As under a service manager, which may start a script with both of them closed."""
    code = """\
import sys
sys.stdin = sys.stderr = None
try:
    print("went on with", hitl.ask("Which?"))
except hitl.NotAnswered as error:
    print(error.ending)
"""
    ended = run(tmp_path, code, "")

    assert ended.stdout == "refused\n"


def test_the_end_of_the_input_accepts_nothing_on_a_loop_either(tmp_path: Path) -> None:
    code = """\
import asyncio
hitl.enable()
crew = make_keeper(delete_file)
crew.agents[0].llm.lines = ["Thought: I know\\nFinal Answer: Done"]
crew.tasks[0].human_input = True
try:
    print("went on with", asyncio.run(crew.akickoff()))
except EOFError as error:
    print("ended:", error)
"""
    ended = run(tmp_path, code, "")
    assert "ended: the console's input has ended" in ended.stdout, ended.stderr
    assert "went on" not in ended.stdout

    piped = run(tmp_path, code, "Shorter\n\n")  # a line for each round, a blank one accepts
    assert "went on with Done" in piped.stdout, piped.stderr


def test_a_gate_reads_approve_from_the_console_and_anything_else_blocks(tmp_path: Path) -> None:
    code = """\
for _ in range(5):
    with hitl.approve_tools("delete_*"):
        print(make_keeper(delete_file).kickoff())
    print(deleted, flush=True)
"""
    ended = run(tmp_path, code, "\ny\nyes\nno, not today\nApprove\n")

    assert ended.returncode == 0, ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith("[")] == [
        *["[]"] * 4,
        "['/tmp/a']",
    ]
    assert '"path": "/tmp/a"' in ended.stdout


def test_an_agent_asks_on_the_console(tmp_path: Path) -> None:
    code = (
        "crew = make_keeper(hitl.AskHumanTool(), name='ask_a_human', "
        'arguments=\'{"question": "Why?"}\')\n'
        "print(crew.kickoff())\n"
        "print('because' in crew.agents[0].llm._heard[-1])"
    )
    ended = run(tmp_path, code, "because\n")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("Done\nTrue\n")


def test_a_time_needs_no_zone_and_a_default_can_be_emptied_on_the_console(tmp_path: Path) -> None:
    code = """\
from datetime import date, time
from pydantic import BaseModel

class Stop(BaseModel):
    at: time
    due: date | None = date(2026, 5, 1)

print(hitl.ask("When?", schema=Stop))
"""
    ended = run(tmp_path, code, "10:00\n-\n")

    assert ended.stdout == "at=datetime.time(10, 0) due=None\n", ended.stderr


def test_the_path_of_a_file_is_typed_and_a_wrong_one_says_why(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id\n1\n")
    (tmp_path / "notes.txt").write_text("n")
    code = """\
from typing import Annotated
Table = Annotated[hitl.File, hitl.Accept(".csv", max_bytes=1000)]
class Load(BaseModel):
    table: Table
    more: list[hitl.File] = []
    @field_validator("table")
    @classmethod
    def has_rows(cls, table):
        assert table.read() == b"id\\n1\\n"
        return table
load = hitl.ask("What?", schema=Load, context=hitl.File.from_bytes("plan.pdf", b"1"))
print(load.table, load.table.text().split(), [file.name for file in load.more])
print(hitl.ask("One more?", schema=hitl.File).read())
"""
    typed = [f"{tmp_path}/missing.csv", tmp_path, f"{tmp_path}/notes.txt"]
    typed += [
        f"'{tmp_path}/sales.csv'",
        "yes",
        f"{tmp_path}/notes.txt",
        "",
        f"{tmp_path}/notes.txt",
    ]
    ended = run(tmp_path, code, "".join(f"{line}\n" for line in typed))

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "sales.csv (5 bytes) ['id', '1'] ['notes.txt']",
        "b'n'",
    ]
    for seen in (
        "plan.pdf (1 byte)",
        "Table (the path of a file: .csv, at most 1 KB): ",
        f"✗ {tmp_path}/missing.csv: No such file or directory",
        f"✗ {tmp_path} is not a file",
        "✗ notes.txt must be one of these kinds of files: .csv",
        "✓ sales.csv (5 bytes)",
        "Add a file to More",
    ):
        assert seen in ended.stderr
