"""Says what is wrong with the crewAI of this environment, before anything imports it.

The package works without crewAI wherever no crew runs: in a server, in the command line. It depends
on neither half of the package.
"""

import re
import sys
from importlib import metadata
from typing import Final

NEEDED: Final = (1, 15, 29)
"""The first release where HookAborted ends a crew cleanly; as in pyproject.toml."""

FIX: Final = "run `pip install 'crewai-hitl-nb[crewai]'` in the environment of the crews' kernel"


class CrewaiMissing(ModuleNotFoundError):
    """crewAI is not installed in this environment, or is too old."""


def release() -> str | None:
    """Return the installed release of crewAI; None if it is not installed."""
    try:
        return metadata.version("crewai")
    except metadata.PackageNotFoundError:
        return None


def is_too_old(version: str) -> bool:
    """Say whether this package cannot work with a release of crewAI."""
    return _numbers(version) < NEEDED


def require_crewai() -> None:
    """Check that crewAI can be imported.

    Raises:
        CrewaiMissing: It is not installed here, or too old; the message says what to do.
    """
    version = release()
    if version is None:
        what = f"crewAI is not installed in this environment ({sys.prefix})"
    elif is_too_old(version):
        needed = ".".join(map(str, NEEDED))
        what = f"crewAI {version} is too old, {needed} is needed ({sys.prefix})"
    else:
        return
    how = "%pip install" if "ipykernel" in sys.modules else "pip install"
    raise CrewaiMissing(
        f"{what}: run `{how} 'crewai-hitl-nb[crewai]'`, then restart this program or kernel",
        name="crewai",
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (1, 15, 30) of "1.15.30a2"."""
    leading = re.match(r"\d+(\.\d+){0,2}", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()
