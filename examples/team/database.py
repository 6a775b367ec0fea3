"""A scratch PostgreSQL in a folder of its own, removed at the end.

PostgreSQL refuses to run as root, so root runs it as the user ``postgres``, whom Debian's package
makes. ``POSTGRES_BIN`` names another folder of its programs.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.team.programs import DemoError, find, interrupts_held

_USER = "hitl"


@contextmanager
def scratch_database() -> Iterator[str]:
    """Run a database that listens in a folder of its own, and at no port; yield its URL.

    Raises:
        DemoError: PostgreSQL is not installed, or does not start.
    """
    folder = Path(
        tempfile.mkdtemp(prefix="hitl-postgres-", dir="/tmp")
    )  # short: a socket's path is
    try:
        password = secrets.token_hex(16)
        password_file, data = folder / "password", folder / "data"
        password_file.write_text(password)
        if os.geteuid() == 0:
            _give(folder, password_file)
        options = ["--auth=scram-sha-256", f"--username={_USER}", f"--pwfile={password_file}"]
        options += ["--encoding=UTF8", "--no-locale", "--no-sync"]
        run("initdb", "-D", data, *options)
        settings = f"-c listen_addresses= -k {folder}"
        try:
            run("pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", settings)
            yield f"postgresql://{_USER}:{password}@/postgres?host={folder}"
        finally:
            if (data / "postmaster.pid").exists():  # also if Ctrl-C came while it started
                run("pg_ctl", "stop", "-w", "-m", "fast", "-D", data)
    finally:
        shutil.rmtree(folder)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        DemoError: PostgreSQL is not installed.
    """
    if named := os.environ.get("POSTGRES_BIN"):
        folders = [Path(named)]
    else:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return find("initdb", "postgresql", folders).resolve().parent


def _give(*paths: Path) -> None:
    """Make the paths those of the user who runs PostgreSQL for root."""
    try:
        for path in paths:
            shutil.chown(path, "postgres", "postgres")
    except LookupError:
        raise DemoError(
            "PostgreSQL refuses to run as root, and there is no user `postgres`; on Debian: "
            "apt-get install postgresql, or run the demo as another user"
        ) from None


def run(program: str, *arguments: object) -> str:
    """Run one of PostgreSQL's programs to its end, not as root; return what it printed.

    Raises:
        DemoError: It failed.
    """
    as_user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open in the server's processes
        with interrupts_held():  # a `pg_ctl start` that ends early leaves a server behind
            ended = subprocess.run(
                [str(programs() / program), *map(str, arguments)],
                user=as_user,
                group=as_user,
                extra_groups=[] if as_user else None,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
                start_new_session=True,  # a terminal's Ctrl-C does not end it
            )
        said.seek(0)
        printed = said.read()
    if ended.returncode != 0:
        raise DemoError(f"{program} failed: {printed.strip()}")
    return printed
