"""What a report says of where it was made: the class of the machine and the versions, no names."""

import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.targets import nchan
from examples.team.database import run
from examples.team.programs import DemoError

_PACKAGES = (
    *("crewai-hitl-nb", "jupyter-server", "tornado", "fastapi", "uvicorn", "crewai", "psycopg"),
)


def facts(repetitions: str) -> dict[str, str]:
    """Return the facts, in the order in which they are told."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{len(os.sched_getaffinity(0))} cores ({_processor()}), {_memory()}",
        "load": f"{os.getloadavg()[1]:.1f} processes at work on average, the run's own among them",
        "repetitions": repetitions,
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "versions": ", ".join([*map(_package, _PACKAGES), *_nginx(), *_postgres()]),
    }


def _package(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} not installed"


def _nginx() -> list[str]:
    if not nchan.installed():
        return ["nginx with nchan not installed"]
    said = subprocess.run([nchan.NGINX, "-v"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"nginx/([\d.]+)", said)
    return [f"nginx {found.group(1) if found else '?'} with nchan"]


def _postgres() -> list[str]:
    try:
        said = run("postgres", "--version")
    except DemoError:
        return ["PostgreSQL not installed"]
    return [f"PostgreSQL {said.split()[2]}"]


def _processor() -> str:
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    names = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, shared"


def _memory() -> str:
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return f"{int(rows['MemTotal'].split()[0]) / 1e6:.0f} GB"
