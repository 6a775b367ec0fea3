"""The programs, in the order in which they run and are reported."""

from benchmarks.program import Program
from benchmarks.programs import fanout

PROGRAMS: tuple[Program, ...] = (fanout.PROGRAM,)
