"""Turns the log lines of psycopg's pool into debug lines of ours.

The pool warns at each attempt to connect, and of each connection that broke. The store reports an
outage itself, once (``store.py``), in the format of this package's lines.
"""

import logging
from typing import Final

from crewai_hitl_nb.protocol.log_lines import logger

POOL_NAME: Final = "crewai-hitl"
"""The pool's name; its threads are named after it."""

READER_NAME: Final = "hitl-read"
"""The beginning of the names of the threads that use the pool."""

_log = logger(__name__)


def take_over() -> None:
    """Take over the pool's lines, in this process and for this package's pools only."""
    logging.getLogger("psycopg.pool").addFilter(_not_of_ours)


def _not_of_ours(record: logging.LogRecord) -> bool:
    if not (record.threadName or "").startswith((f"{POOL_NAME}-", READER_NAME)):
        return True
    _log.debug("%s", record.getMessage())
    return False
