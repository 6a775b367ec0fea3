"""Drops the log lines of psycopg's pool.

The pool warns at each attempt to connect, and of each connection that broke, in the database's
words. The store reports an outage itself, once (``store.py``), in those of this package.
"""

import logging
from typing import Final

POOL_NAME: Final = "crewai-hitl"
"""The pool's name; its threads are named after it."""

READER_NAME: Final = "hitl-read"
"""The beginning of the names of the threads that use the pool."""


def silence() -> None:
    """Drop the lines of this package's pools; those of other pools in this process stay."""
    logging.getLogger("psycopg.pool").addFilter(_is_of_another)


def _is_of_another(record: logging.LogRecord) -> bool:
    return not (record.threadName or "").startswith((f"{POOL_NAME}-", READER_NAME))
