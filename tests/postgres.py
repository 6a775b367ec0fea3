"""A PostgreSQL server for tests: a scratch cluster on a free port, stopped and removed at the end.

PostgreSQL refuses to run as root, so root runs it as the user ``postgres``, whom Debian's package
makes. ``POSTGRES_BIN`` names another folder of its programs.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from examples.team.database import run
from examples.team.programs import DemoError
from tests.jupyter_process import free_port
from tests.relay import Relay

USER = "hitl"
PASSWORD = "secret-of-the-tests"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # What a killed process has written survives without it; only a power failure would lose it.
    # After each crash PostgreSQL would first sync its folder, for seconds on a busy disk.
    "fsync": "off",
}


class Cluster:
    """A running server.

    Attributes:
        folder: Its files.
        port: On 127.0.0.1.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def url(self, database: str = "postgres", **parameters: str) -> str:
        """Return the URL of a database."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        place = f"{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{place}?{query}".rstrip("?")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it; return when it accepts connections."""
        try:
            run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log")
        except DemoError as error:
            raise AssertionError(f"{error}\n{(self.folder / 'log').read_text()}") from None

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is a crash."""
        run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let all its processes stand still, as a paused virtual machine does."""
        postmaster = psutil.Process(self.pid)
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    @property
    def is_running(self) -> bool:
        """Whether it was not stopped."""
        return (self.data / "postmaster.pid").exists()

    @property
    def pid(self) -> int:
        """The process id of its postmaster."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])


class Standby(Cluster):
    """A running server that follows another one until it is promoted.

    Attributes:
        replication: Its network to the other one.
    """

    def __init__(self, folder: Path, port: int, replication: Relay) -> None:
        super().__init__(folder, port)
        self.replication = replication

    def promote(self) -> None:
        """Let it take over; return when it accepts writes."""
        run("pg_ctl", "promote", "-w", "-D", self.data)


@contextmanager
def cluster(
    settings: Mapping[str, str] | None = None, wal: Path | None = None
) -> Iterator[Cluster]:
    """Run a server for the length of a ``with`` block.

    Args:
        settings: Beside those of all tests.
        wal: The folder of its write-ahead log, on a small disk; None for the data directory.
    """
    folder = Path(tempfile.mkdtemp(prefix="hitl-postgres-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    made = Cluster(folder, free_port())
    try:
        _make(made, {**_SETTINGS, **(settings or {})}, wal)
        made.start()
        try:
            yield made
        finally:
            if made.is_running:
                made.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _make(made: Cluster, settings: Mapping[str, str], wal: Path | None) -> None:
    password = made.folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    options = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}", "--no-sync")
    places = ("--waldir", wal, "--wal-segsize=1") if wal else ()
    run("initdb", *options, *places, "--encoding=UTF8", "--no-locale", "-D", made.data)
    _configure(made, settings)


def _configure(made: Cluster, settings: Mapping[str, str]) -> None:
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    lines += [f"port = {made.port}", f"unix_socket_directories = '{made.folder}'"]
    with (made.data / "postgresql.conf").open("a") as file:
        file.write("\n".join(lines) + "\n")


@contextmanager
def standby(primary: Cluster) -> Iterator[Standby]:
    """Run a streaming standby of a cluster for the length of a ``with`` block.

    When it is promoted it waits for no standby of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="hitl-standby-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    try:
        with Relay(primary.port) as replication:
            made = Standby(folder, free_port(), replication)
            source = primary.url().replace(f":{primary.port}/", f":{replication.port}/")
            run("pg_basebackup", "-D", made.data, *options, "-d", source)
            _configure(made, {"synchronous_standby_names": ""})
            made.start()
            try:
                yield made
            finally:
                made.stop("immediate")
    finally:
        shutil.rmtree(folder)
