"""The programs, in the order in which they run and are reported."""

from benchmarks.program import Program
from benchmarks.programs import asking, asking_many, fanout

PROGRAMS: tuple[Program, ...] = (fanout.PROGRAM, asking.PROGRAM, asking_many.PROGRAM)
