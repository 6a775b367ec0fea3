"""The programs, in the order in which they run and are reported."""

from benchmarks.program import Program
from benchmarks.programs import (
    append,
    asking,
    asking_many,
    bridge,
    browser,
    executions,
    fanout,
    growth,
    idle,
    longpoll,
    memory,
    replay,
    sustained,
)

PROGRAMS: tuple[Program, ...] = (
    fanout.PROGRAM,
    sustained.PROGRAM,
    longpoll.PROGRAM,
    replay.PROGRAM,
    memory.PROGRAM,
    idle.PROGRAM,
    executions.PROGRAM,
    append.PROGRAM,
    growth.PROGRAM,
    asking.PROGRAM,
    asking_many.PROGRAM,
    bridge.PROGRAM,
    browser.PROGRAM,
)
