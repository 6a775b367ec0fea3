"""Says why the Jupyter server of this kernel, or of this user, does not serve human input.

Reads the files and processes of this user only, makes no calls and changes nothing. Used where no
server was found (``discovery.py``): by ``enable()``, and by ``crewai-hitl doctor``.

A Jupyter server writes ``jpserver-<pid>.json`` into the Jupyter runtime directory, and gives its
process id to the kernels that it starts (``JPY_PARENT_PID``). Its environment is the one of the
Python that it runs with. psutil reads that from the process; every kernel has it, because ipykernel
needs it. Without it, or where the process does not show its environment, the answer is less exact.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crewai_hitl_nb.client.discovery import HOW_TO_NAME_ONE, Endpoint

EXTENSION: Final = "crewai_hitl_nb"
_CLOCK_SECONDS: Final = 2.0
"""How far the time of a file and the start of a process may differ: the latter is rounded."""


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
    there = _environment_of(pid)
    if there is None:
        return Fault(f"{name} does not serve crewai-hitl-nb", _lower(HOW_TO_NAME_ONE))
    installed = there.installed_at()
    if installed is None:
        return Fault(
            f"{name} belongs to another environment ({there.prefix}), which does not have"
            " crewai-hitl-nb",
            f"run `{there.how_to_install}`, then restart Jupyter",
        )
    if setting(there.config_path()) is not True:
        return Fault(
            f"{name} has crewai-hitl-nb, but its extension is disabled",
            f"run `{there.python} -m jupyter server extension enable {EXTENSION}`, then"
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
    return int(pid) if file.is_file() and not _is_left_over(file, int(pid)) else None


def version_fault(server: str, ours: str, endpoint: Endpoint) -> Fault | None:
    """Return what is wrong if the server is of another release than this program.

    A patch release changes nothing between the two.

    Args:
        server: The server's version.
        ours: The version of this program.
        endpoint: Where the server was found.
    """
    theirs, own = _release(server), _release(ours)
    if theirs == own:
        return None
    pid = parent_server() if endpoint.origin == "CREWAI_HITL_KERNEL_URL" else None
    there = None if pid is None else _environment_of(pid)
    if theirs > own:
        fix = "upgrade crewai-hitl-nb in this environment, then restart this program or kernel"
    elif there is not None and there.is_ours:
        fix = "restart Jupyter: it started before this version was installed"
    else:
        fix = "install the same version in both environments, then restart the server"
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


def _release(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _newest_server(runtime_dir: Path) -> int | None:
    """Return the process id of the Jupyter server of this user that started last."""
    running = [
        (_started_at(int(pid)), int(pid))
        for file in runtime_dir.glob("jpserver-*.json")
        if (pid := file.stem.removeprefix("jpserver-")).isdecimal()
        and not _is_left_over(file, int(pid))
        and _environment_of(int(pid))
    ]
    return max(running)[1] if running else None


def _is_left_over(file: Path, pid: int) -> bool:
    """Say whether another program has the process id that a server wrote into a file.

    A server starts before it writes its file. A clock that was set back in between hides this, so
    the command line counts as well: ``jupyter-lab``, ``-m jupyter lab``, ``jupyterhub-singleuser``.
    """
    process = _process(pid)
    if process is None:
        return False
    import psutil

    try:
        if process.create_time() <= file.stat().st_mtime + _CLOCK_SECONDS:
            return False
        return not any(Path(part).name.startswith("jupyter") for part in process.cmdline())
    except (psutil.Error, OSError):
        return False


@dataclass(frozen=True)
class _Environment:
    """The Python environment of a running process.

    Attributes:
        python: Its interpreter, as the process was started.
        prefix: Its ``sys.prefix``.
        environ: The environment variables of the process.
    """

    python: Path
    prefix: Path
    environ: Mapping[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether this program runs in it."""
        with suppress(OSError):
            return self.prefix.samefile(sys.prefix)
        return False

    @property
    def how_to_install(self) -> str:
        """The command that installs the package there; what uv makes has no pip."""
        if any((place / "pip").is_dir() for place in self._packages()):
            return f"{self.python} -m pip install crewai-hitl-nb"
        return f"uv pip install --python {self.python} crewai-hitl-nb"

    def installed_at(self) -> float | None:
        """Return when the package was installed there; None if it was not."""
        places = map(Path, sys.path) if self.is_ours else self._packages()
        found = [info for place in places for info in place.glob(f"{EXTENSION}-*.dist-info")]
        return max((info.stat().st_mtime for info in found), default=None)

    def config_path(self) -> Iterator[Path]:
        """Yield Jupyter's configuration directories, as a server there reads them."""
        from jupyter_core.paths import jupyter_config_path

        for folder in map(Path, jupyter_config_path()):
            here = folder.is_relative_to(sys.prefix)
            yield self.prefix / folder.relative_to(sys.prefix) if here else folder
        for base in self._user_bases():
            yield base / "etc" / "jupyter"

    def _packages(self) -> Iterator[Path]:
        """Yield the folders that packages may be installed in."""
        roots = [self.prefix]
        if self._sees_the_system and (home := self._setting("home")):
            roots.append(Path(home).parent)
        bases = [*roots, *(root / "local" for root in roots), *self._user_bases()]
        named = re.search(r"\d+\.\d+$", self.python.resolve().name)
        version = named[0] if named else "3*"
        for base in bases:
            yield from base.glob(f"lib/python{version}/site-packages")
            yield from base.glob(f"lib/python{version}/dist-packages")
            yield base / "lib" / "python3" / "dist-packages"  # Debian's own packages
            yield base / "lib" / "python" / "site-packages"  # macOS, of the user
            yield base / "Lib" / "site-packages"  # Windows
            yield from base.glob("Python3*/site-packages")  # Windows, of the user

    def _user_bases(self) -> list[Path]:
        """Return where ``pip install --user`` puts packages, if that Python reads them."""
        if not self._sees_the_system or self.environ.get("PYTHONNOUSERSITE"):
            return []
        if named := self.environ.get("PYTHONUSERBASE"):
            return [Path(named)]
        if os.name == "nt":
            return [Path(self.environ.get("APPDATA", Path.home()), "Python")]
        home = Path(self.environ.get("HOME", Path.home()))
        return [home / ".local", *home.glob("Library/Python/3*")]

    @property
    def _sees_the_system(self) -> bool:
        """Whether it is no virtual environment, or one that sees the system's packages."""
        return self._setting("include-system-site-packages").lower() in ("", "true")

    def _setting(self, name: str) -> str:
        """Return a setting of its virtual environment; blank outside one."""
        with suppress(OSError):
            text = (self.prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
            found = re.search(rf"(?im)^{name}[ \t]*=[ \t]*(.*?)\s*$", text)
            return found[1] if found else "false"
        return ""


def _environment_of(pid: int) -> _Environment | None:
    """Return the environment of a Python process; None if it cannot be known.

    A file may outlive its server, and another program may have its process id now.
    """
    process = _process(pid)
    if process is None:
        return None
    import psutil

    environ: Mapping[str, str] = {}
    with suppress(psutil.Error, OSError):
        environ = process.environ()
    try:
        python = _python_of(process, environ)
    except (psutil.Error, OSError, LookupError):
        return None
    if python is None or "python" not in python.name.lower():
        return None
    if not any((place / "pyvenv.cfg").is_file() for place in (python.parent, python.parent.parent)):
        python = python.resolve()  # without that file, Python follows links to find its prefix
    folder = python.parent
    prefix = folder.parent if folder.name in ("bin", "Scripts") else folder
    return _Environment(python, prefix, environ)


def _python_of(process: Any, environ: Mapping[str, str]) -> Path | None:
    """Return the path that a process started its Python with: a link, in a virtual environment.

    A relative path may start at a folder that the process has left since. It counts only where it
    leads to the program that runs, and only if all such places are the same.
    """
    named = Path(process.cmdline()[0])
    if named.is_absolute():
        return named
    runs = Path(process.exe())
    if (runs.parent.parent / "pyvenv.cfg").is_file():  # a copy, so no link leads away from it
        return runs
    if named.name == str(named):
        on_path = environ.get("PATH", "").split(os.pathsep)
        return next(_those_that_are(runs, (Path(folder, named) for folder in on_path)), None)
    candidates = [Path(process.cwd(), named), Path(environ.get("PWD", ""), named)]
    venv = Path(environ.get("VIRTUAL_ENV", ""))
    if venv.name and venv.name == named.parent.parent.name:
        candidates.append(venv / named.parent.name / named.name)
    found = list(_those_that_are(runs, candidates))
    return found[0] if len({path.parent.resolve() for path in found}) == 1 else None


def _those_that_are(program: Path, candidates: Iterable[Path]) -> Iterator[Path]:
    for path in candidates:
        with suppress(OSError):
            if path.is_absolute() and path.samefile(program):
                yield path


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


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
