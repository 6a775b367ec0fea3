"""Copies a log, and kills its own process after one of the steps.

    python -m tests.store.dying_copy FROM TO NUMBER

The number counts what :func:`crewai_hitl_nb.store.copying.copy` reports. A copy that reports less
ends normally.
"""

import os
import signal
import sys
from datetime import datetime, timezone

from crewai_hitl_nb.store import copying
from crewai_hitl_nb.store.copying import Progress
from crewai_hitl_nb.store.open import locate


def main(source: str, target: str, number: str) -> None:
    """Copy until that step."""
    left = int(number)

    def tell(progress: Progress) -> None:
        nonlocal left
        left -= 1
        if not left:
            sys.stdout.write(progress.step)
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    copying.copy(locate(source), locate(target), datetime.now(timezone.utc), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
