"""A peer: a writer of a log in PostgreSQL as one would write it by hand, with psycopg 3.

``insert_notify.py URL``. For each line ``COUNT`` it stores so many events, each with its own
notification and in a transaction of its own, and then writes a line. One bare table, no index but
that of its key, nothing checked: the least that makes an event durable and announced.
"""

import sys

import psycopg

from benchmarks.targets import base

TABLE = "CREATE TABLE IF NOT EXISTS bare_events (id bigserial PRIMARY KEY, body text NOT NULL)"
CHANNEL = "bare_events"
_INSERT = "INSERT INTO bare_events (body) VALUES (%s) RETURNING id"


def write(connection: "psycopg.Connection[tuple[object, ...]]", body: str) -> None:
    """Store an event and announce it."""
    with connection.transaction():
        connection.execute(_INSERT, [body])
        connection.execute(f"NOTIFY {CHANNEL}")


def main(url: str) -> None:
    """Obey until the input ends."""
    body = base.event(base.mark(0, 0)).decode()
    with psycopg.connect(url, autocommit=True) as connection:
        print("connected", flush=True)
        for line in sys.stdin:
            for _ in range(int(line)):
                write(connection, body)
            print("stored", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
