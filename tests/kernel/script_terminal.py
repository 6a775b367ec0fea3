"""A plain script at a real terminal, which runs whatever code a test sends it.

Importing crewAI takes seconds, so one script serves many tests. Its terminal is for what a
person types; the code comes by a pipe beside it.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.kernel.crews import CREW
from tests.terminal import end

PATIENCE_SECONDS = 40.0

LOOP = f"""{CREW}
import json, sys
for line in open(sys.argv[1]):
    try:
        exec(json.loads(line), globals())
        print("<ended: well>", flush=True)
    except BaseException as error:
        print(f"<ended: {{type(error).__name__}}: {{error}}>", flush=True)
"""

INTERRUPT = "\x03"
END = "\x04"


class ScriptAtATerminal:
    """The script; ``screen`` is what a person sees and types."""

    def __init__(self, screen: "pexpect.spawn[str]", code: int) -> None:
        self.screen = screen
        self._code = code

    def begin(self, code: str) -> None:
        """Run code in the script's main thread; return at once."""
        os.write(self._code, json.dumps(code).encode() + b"\n")

    def run(self, code: str) -> None:
        """Run code to its good end."""
        self.begin(code)
        self.expect("<ended: well>")

    def type(self, *lines: str) -> None:
        """Type lines, each with Enter."""
        for line in lines:
            self.screen.sendline(line)

    def interrupt_reading(self) -> None:
        """Press Ctrl-C once the script waits in `input()` for a line.

        CPython loses one that comes after it last looked for signals and before the read
        sleeps: seen once in 150 tries, and then a person presses it again.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._reads():
            assert time.monotonic() < deadline, "the script does not read its terminal"
            # Who reads no screen stops the script: a terminal keeps 4 KB, and a panel is more.
            self.screen.expect_exact([pexpect.TIMEOUT], timeout=0.01)
        self.screen.send(INTERRUPT)

    def _reads(self) -> bool:
        """Whether the main thread sleeps in `read` (0, or 63 on ARM) of standard input."""
        system_call = Path(f"/proc/{self.screen.pid}/syscall").read_text().split()
        return system_call[0] in {"0", "63"} and system_call[1] == "0x0"

    def expect(self, *texts: str) -> str:
        """Wait until one text after the other is on the screen; return all up to there.

        The terminal is wide enough that no line is broken.
        """
        return "".join(self._seen_up_to([text]) for text in texts)

    def expect_each(self, *texts: str) -> str:
        """Wait until all texts are on the screen, in any order; return all up to there."""
        missing, seen = list(texts), ""
        while missing:
            seen += self._seen_up_to(missing)
            missing = [text for text in missing if text not in seen]
        return seen

    def _seen_up_to(self, texts: list[str]) -> str:
        self.screen.expect_exact(texts)
        return f"{self.screen.before}{self.screen.after}"


@contextmanager
def script_at_a_terminal(folder: Path, env: Mapping[str, str]) -> Iterator[ScriptAtATerminal]:
    """Run it for the length of a `with` block."""
    (folder / "script.py").write_text(LOOP)
    os.mkfifo(folder / "code")
    screen = pexpect.spawn(
        sys.executable,
        [str(folder / "script.py"), str(folder / "code")],
        env={**env, "TERM": "dumb", "COLUMNS": "1000", "LINES": "50"},  # Rich wants both, or 80
        timeout=PATIENCE_SECONDS,
        encoding="utf-8",
        dimensions=(50, 1000),
    )
    screen.delaybeforesend = None  # a race is no race with a handicap
    code = os.open(folder / "code", os.O_RDWR)  # a reader of its own: opening does not wait
    try:
        yield ScriptAtATerminal(screen, code)
    finally:
        os.close(code)
        end(screen)
