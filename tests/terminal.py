"""The end of a program at a terminal of its own."""

import signal

import pexpect


def end(screen: "pexpect.spawn[str]") -> None:
    """End the program and wait for that: `close` alone gives it tenths of a second, and fails."""
    screen.kill(signal.SIGKILL)
    screen.wait()
    screen.close()
