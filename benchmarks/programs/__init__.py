"""The programs, in the order in which they run and are reported."""

from benchmarks.program import Program
from benchmarks.programs import asking, asking_many, fanout, longpoll, replay, sustained

PROGRAMS: tuple[Program, ...] = (
    fanout.PROGRAM,
    sustained.PROGRAM,
    longpoll.PROGRAM,
    replay.PROGRAM,
    asking.PROGRAM,
    asking_many.PROGRAM,
)
