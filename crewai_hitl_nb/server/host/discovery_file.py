"""How kernels and scripts of this user find the server and its key.

Kernels inherit environment variables; scripts, and kernels that outlived a server, read a file in
the Jupyter runtime folder. Both hold the kernel key, so the file is readable by this user only.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

KERNEL_URL: Final = "CREWAI_HITL_KERNEL_URL"
KERNEL_KEY: Final = "CREWAI_HITL_KERNEL_KEY"
KERNEL_PAGE: Final = "CREWAI_HITL_KERNEL_PAGE"


class Address(msgspec.Struct, frozen=True):
    """Where the endpoints are.

    Attributes:
        url: For programs on this machine.
        page: For people, if their browsers need another address.
    """

    url: str
    page: str | None = None


def local_url(host: str, port: int, path: str) -> str:
    """Return the URL by which a process on this machine calls a server bound to ``host``."""
    everywhere = ("", "*", "0.0.0.0", "::", "localhost")  # noqa: S104 - compared, not bound
    near = "127.0.0.1" if host in everywhere else host
    return f"http://{f'[{near}]' if ':' in near else near}:{port}{path}"


class DiscoveryFile:
    """The file and the environment variables, from :meth:`write` to :meth:`remove`."""

    def __init__(self, runtime_dir: Path) -> None:
        """Name the Jupyter runtime folder."""
        self._file = runtime_dir / f"crewai-hitl-{os.getpid()}.json"
        self._before: dict[str, str | None] = {}

    def write(self, address: Address, key: str) -> None:
        """Publish the address and the kernel key.

        Raises:
            OSError: The file cannot be written.
        """
        variables = (
            (KERNEL_URL, address.url),
            (KERNEL_KEY, key),
            (KERNEL_PAGE, address.page or ""),
        )
        for name, value in variables:
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            content = {"url": address.url, "key": key, "pid": os.getpid()}
            if address.page is not None:
                content["page"] = address.page
            file.write(msgspec.json.encode(content))

    def remove(self) -> None:
        """Remove the file and put the environment back as it was."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._file.unlink()
