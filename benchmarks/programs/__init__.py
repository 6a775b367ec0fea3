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
    team_answers,
    team_append,
    team_failover,
    team_fanout,
    team_latency,
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
    team_append.PROGRAM,
    team_latency.PROGRAM,
    team_fanout.PROGRAM,
    team_answers.PROGRAM,
    team_failover.PROGRAM,
)
