"""How kernels and scripts of this user find the server and its key.

Kernels inherit two environment variables; scripts, and kernels that outlived a server,
read a file in the Jupyter runtime folder. Both hold the kernel key, so the file is
readable by this user only.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

KERNEL_URL: Final = "CREWAI_HITL_KERNEL_URL"
KERNEL_KEY: Final = "CREWAI_HITL_KERNEL_KEY"
KERNEL_PAGE: Final = "CREWAI_HITL_KERNEL_PAGE"


def local_url(host: str, port: int, path: str) -> str:
    """Return where a process on this machine reaches a server bound to ``host``."""
    everywhere = ("", "*", "0.0.0.0", "::", "localhost")  # noqa: S104 - compared, not bound
    near = "127.0.0.1" if host in everywhere else host
    return f"http://{f'[{near}]' if ':' in near else near}:{port}{path}"


class Handover:
    """What was put out for others, so that it can be taken back."""

    def __init__(self, runtime_dir: Path) -> None:
        """Name the Jupyter runtime folder."""
        self._file = runtime_dir / f"crewai-hitl-{os.getpid()}.json"
        self._before: dict[str, str | None] = {}

    def give(self, url: str, key: str, page: str | None = None) -> None:
        """Put out the URL of the prefix and the kernel key.

        Args:
            url: For programs on this machine.
            key: The kernel key.
            page: For people, if their browsers need another address.

        Raises:
            OSError: The file cannot be written.
        """
        for name, value in ((KERNEL_URL, url), (KERNEL_KEY, key), (KERNEL_PAGE, page or "")):
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            said = {"url": url, "key": key, "pid": os.getpid()}
            file.write(msgspec.json.encode(said if page is None else {**said, "page": page}))

    def take_back(self) -> None:
        """Leave nothing behind."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()
        self._file.unlink(missing_ok=True)
