"""Says why the Jupyter server of this kernel, or of this user, does not serve human input.

Reads the files and processes of this user only, makes no calls and changes nothing. Used where no
server was found (``discovery.py``): by ``enable()``, and by ``crewai-hitl doctor``.

A Jupyter server writes ``jpserver-<pid>.json`` into the Jupyter runtime directory, and gives its
process id to the kernels that it starts (``JPY_PARENT_PID``). Its environment is the one of the
Python that it runs with. psutil reads that from the process; every kernel has it, because ipykernel
needs it. Without it, the answer is less exact.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crewai_hitl_nb.client.discovery import HOW_TO_NAME_ONE

EXTENSION: Final = "crewai_hitl_nb"
_INSTALL: Final = "-m pip install crewai-hitl-nb"


@dataclass(frozen=True)
class Fault:
    """Why something does not work.

    Attributes:
        what: What was found.
        fix: What to do about it.
    """

    what: str
    fix: str

    @property
    def advice(self) -> str:
        """The fix as a sentence of its own."""
        return f"{self.fix[:1].upper()}{self.fix[1:]}"

    def __str__(self) -> str:
        return f"{self.what}. {self.advice}"


def why_no_server(
    environ: Mapping[str, str] | None = None, runtime_dir: Path | None = None
) -> Fault:
    """Return why no server was found.

    Args:
        environ: Instead of ``os.environ``.
        runtime_dir: Instead of the Jupyter runtime directory.
    """
    name, pid = "the Jupyter server of this kernel", parent_server(environ, runtime_dir)
    if pid is None:
        name, pid = "the running Jupyter server", _newest_server(_runtime_dir(runtime_dir))
    if pid is None:
        return Fault("no server was found", _lower(HOW_TO_NAME_ONE))
    prefix = _prefix_of(pid)
    if prefix is None:
        return Fault(f"{name} does not serve crewai-hitl-nb", _lower(HOW_TO_NAME_ONE))
    installed = _installed_at(prefix)
    if installed is None:
        return Fault(
            f"{name} belongs to another environment ({prefix}), which does not have crewai-hitl-nb",
            f"run `{_python_of(prefix)} {_INSTALL}`, then restart Jupyter",
        )
    if setting(_config_path(prefix)) is not True:
        return Fault(
            f"{name} has crewai-hitl-nb, but its extension is disabled",
            f"run `{_python_of(prefix)} -m jupyter server extension enable {EXTENSION}`, then"
            " restart Jupyter",
        )
    if _started_at(pid) < installed:
        return Fault(f"{name} started before crewai-hitl-nb was installed", "restart Jupyter")
    return Fault(
        f"{name} has crewai-hitl-nb, but could not load it",
        "restart Jupyter and read what it prints about crewai_hitl_nb",
    )


def parent_server(
    environ: Mapping[str, str] | None = None, runtime_dir: Path | None = None
) -> int | None:
    """Return the process id of the Jupyter server that started this kernel; None if none did."""
    pid = (os.environ if environ is None else environ).get("JPY_PARENT_PID", "")
    if not pid.isdecimal():
        return None
    file = _runtime_dir(runtime_dir) / f"jpserver-{pid}.json"
    return int(pid) if file.is_file() else None


def version_fault(server: str, ours: str) -> Fault | None:
    """Return what is wrong if the server is of another release than this program.

    A patch release changes nothing between the two.
    """
    if server.split(".")[:2] == ours.split(".")[:2]:
        return None
    fix = "install the same version in both environments, then restart Jupyter"
    pid = parent_server()
    if pid is not None and (prefix := _prefix_of(pid)) and _same(prefix, Path(sys.prefix)):
        fix = "restart Jupyter: it started before this version was installed"
    return Fault(f"the server runs crewai-hitl-nb {server}, this program has {ours}", fix)


def setting(config_path: Iterable[str | Path]) -> bool | None:
    """Return whether Jupyter servers enable the extension; None if no file names it.

    Reads Jupyter's JSON files. As in Jupyter, a directory that is named earlier wins, and in a
    directory its main file wins over those of its ``.d`` folder, of which the last wins.
    """
    for folder in map(Path, config_path):
        parts = sorted((folder / "jupyter_server_config.d").glob("*.json"), reverse=True)
        for file in (folder / "jupyter_server_config.json", *parts):
            with suppress(OSError, ValueError, LookupError, TypeError):
                found = json.loads(file.read_bytes())["ServerApp"]["jpserver_extensions"]
                if EXTENSION in found:
                    return bool(found[EXTENSION])
    return None


def _runtime_dir(given: Path | None) -> Path:
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir()) if given is None else given


def _newest_server(runtime_dir: Path) -> int | None:
    """Return the process id of the Jupyter server of this user that started last."""
    running = [
        (_started_at(int(pid)), int(pid))
        for file in runtime_dir.glob("jpserver-*.json")
        if (pid := file.stem.removeprefix("jpserver-")).isdecimal() and _prefix_of(int(pid))
    ]
    return max(running)[1] if running else None


def _config_path(prefix: Path) -> Iterator[Path]:
    """Yield Jupyter's configuration directories, as a server in that environment reads them."""
    from jupyter_core.paths import jupyter_config_path

    for folder in map(Path, jupyter_config_path()):
        here = folder.is_relative_to(sys.prefix)
        yield prefix / folder.relative_to(sys.prefix) if here else folder


def _prefix_of(pid: int) -> Path | None:
    """Return the environment of a Python process; None if it cannot be known.

    A file may outlive its server, and another program may have its process id now.
    """
    process = _process(pid)
    if process is None:
        return None
    import psutil

    try:
        python = Path(process.cmdline()[0])
        if python.name == str(python):  # found on its PATH
            places = process.environ().get("PATH", "").split(os.pathsep)
            python = next(path for place in places if (path := Path(place) / python).is_file())
        python = Path(process.cwd(), python)
    except (psutil.Error, OSError, LookupError, StopIteration):
        return None
    if "python" not in python.name:
        return None
    folder = python.parent
    return folder.parent if folder.name in ("bin", "Scripts") else folder


def _started_at(pid: int) -> float:
    process = _process(pid)
    return float("inf") if process is None else float(process.create_time())


def _process(pid: int) -> Any:
    try:
        import psutil
    except ImportError:
        return None
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _installed_at(prefix: Path) -> float | None:
    """Return when the package was installed into an environment; None if it was not."""
    if _same(prefix, Path(sys.prefix)):
        places = [Path(place) for place in sys.path]
    else:
        places = [*prefix.glob("lib/python*/site-packages"), prefix / "Lib" / "site-packages"]
    found = [info for place in places for info in place.glob(f"{EXTENSION}-*.dist-info")]
    return max((info.stat().st_mtime for info in found), default=None)


def _python_of(prefix: Path) -> Path:
    return prefix / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
