"""A pgbouncer in transaction mode for tests: Debian's, in front of a scratch cluster.

It refuses to run as root, so root runs it as the user ``postgres``, as the cluster.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.jupyter_process import free_port
from tests.postgres import PASSWORD, USER, Cluster

_START_SECONDS = 20.0

_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
"""


class Pooler:
    """A running pgbouncer.

    Attributes:
        port: On 127.0.0.1.
    """

    def __init__(self, database: Cluster, port: int) -> None:
        self.port = port
        self._database = database

    def url(self, **parameters: str) -> str:
        """Return the URL of the database through the pooler."""
        direct = self._database.url(**parameters)
        return direct.replace(f":{self._database.port}/", f":{self.port}/")


@contextmanager
def pooler(database: Cluster) -> Iterator[Pooler]:
    """Run a pooler for the length of a ``with`` block."""
    folder = Path(tempfile.mkdtemp(prefix="hitl-pgbouncer-", dir="/tmp"))
    made = Pooler(database, free_port())
    (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
    (folder / "configuration").write_text(
        _CONFIGURATION.format(database=database.port, port=made.port, folder=folder)
    )
    as_user = "postgres" if os.geteuid() == 0 else None
    if as_user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, as_user, as_user)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_program(), str(folder / "configuration")],
            user=as_user,
            group=as_user,
            extra_groups=[] if as_user else None,
            cwd="/",
            stdout=log,
            stderr=log,
        )
    try:
        _await_port(process, made.port, folder / "log")
        yield made
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise RuntimeError("pgbouncer is needed: apt-get install pgbouncer")
    return found


def _await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"pgbouncer did not start:\n{log.read_text()}")
