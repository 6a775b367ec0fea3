"""Finds the server: which URL to call, and with which token.

Reads the environment and small files, and makes no calls: only the first call shows whether the
server is there. The clients are above it.

The first match wins:

1. the arguments;
2. ``CREWAI_HITL_URL`` / ``CREWAI_HITL_TOKEN``, set by a person;
3. ``CREWAI_HITL_KERNEL_URL`` / ``CREWAI_HITL_KERNEL_KEY``, set by the Jupyter server for
   the kernels it starts (``CREWAI_HITL_KERNEL_PAGE``: where people answer, if elsewhere);
4. running Jupyter servers of this user: ``crewai-hitl-*.json`` files (mode 0600, with
   ``url``, ``key`` and ``pid``) in the Jupyter runtime directory, the newest whose process runs.

A token is only ever sent to the URL it came with.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from crewai_hitl_nb.client.errors import NoServer
from crewai_hitl_nb.protocol.errors import BadRequest

HOW_TO_NAME_ONE: Final = (
    "Start Jupyter with crewai-hitl-nb installed in the server's environment "
    "(`jupyter server extension list` must show crewai_hitl_nb as enabled), or name a server: "
    "set CREWAI_HITL_URL and CREWAI_HITL_TOKEN, or pass url= and token="
)


@dataclass(frozen=True)
class Endpoint:
    """Where a server is.

    Attributes:
        url: The prefix, with a slash at its end: ``http://127.0.0.1:8888/crewai-hitl/``.
        token: Its token, or None.
        origin: Which rule found it, for messages.
        page: Where people answer, if browsers need a different address from programs.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    origin: str = "arguments"
    page: str | None = None

    @property
    def for_people(self) -> str:
        """The address to show to a person."""
        return self.page or self.url

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that no proxy must be used."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")


class _RunningServer(msgspec.Struct, frozen=True):
    url: str
    key: str | None = None
    page: str | None = None
    pid: int | None = None


def find_endpoint(
    url: str | None = None,
    token: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    runtime_dir: Path | None = None,
) -> Endpoint | None:
    """Return the server to use, or None when there is none.

    Args:
        url: The server's prefix, if the caller knows it.
        token: Its token. Without one, the token that another rule knows for this URL.
        environ: Instead of ``os.environ``.
        runtime_dir: Instead of the Jupyter runtime directory.

    Raises:
        BadRequest: A URL is not the URL of a server.
    """
    known = _known(os.environ if environ is None else environ, runtime_dir)
    if url is None:
        found = next(known, None)
        if found is not None and token is not None:
            return replace(found, token=token)
        return found
    prefix = normal_url(url)
    if token is None:
        token = next((e.token for e in known if e.url == prefix), None)
    return Endpoint(prefix, token)


def other_servers(chosen: Endpoint, runtime_dir: Path | None = None) -> list[str]:
    """Return the URLs of this user's other running servers, if one of several was chosen.

    Nothing is returned for a server that was named, or that started this kernel.
    """
    running = list(_running_servers(runtime_dir))
    if chosen.origin not in (endpoint.origin for endpoint in running):
        return []
    return [endpoint.url for endpoint in running if endpoint.origin != chosen.origin]


def require_endpoint(url: str | None = None, token: str | None = None) -> Endpoint:
    """Return the server to use.

    Raises:
        NoServer: There is none; the message says what to do.
        BadRequest: A URL is not the URL of a server.
    """
    endpoint = find_endpoint(url, token)
    if endpoint is None:
        raise NoServer(f"no crewai-hitl server was found. {HOW_TO_NAME_ONE}.")
    return endpoint


def normal_url(url: str) -> str:
    """Return the prefix in its normal form, with a slash at its end.

    Raises:
        BadRequest: It is not the URL of a server; the message shows what one looks like.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadRequest(
            f"`{url}` is not the URL of a server; "
            "it looks like http://127.0.0.1:8888/crewai-hitl/ inside Jupyter"
        )
    if parts.query or parts.fragment:
        raise BadRequest(
            "the server's URL ends with its path (…/crewai-hitl/); "
            "leave out what follows `?` or `#` and pass the token as token="
        )
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _known(environ: Mapping[str, str], runtime_dir: Path | None) -> Iterator[Endpoint]:
    for url_name, token_name in (
        ("CREWAI_HITL_URL", "CREWAI_HITL_TOKEN"),
        ("CREWAI_HITL_KERNEL_URL", "CREWAI_HITL_KERNEL_KEY"),
    ):
        if environ.get(url_name):
            token = environ.get(token_name) or None
            page = environ.get("CREWAI_HITL_KERNEL_PAGE") if "KERNEL" in url_name else None
            yield Endpoint(normal_url(environ[url_name]), token, url_name, page or None)
    yield from _running_servers(runtime_dir)


def _running_servers(runtime_dir: Path | None) -> Iterator[Endpoint]:
    if runtime_dir is None:
        try:
            from jupyter_core.paths import jupyter_runtime_dir
        except ImportError:
            return
        runtime_dir = Path(jupyter_runtime_dir())
    found: list[tuple[float, Endpoint]] = []
    for path in runtime_dir.glob("crewai-hitl-*.json"):
        try:
            written, body = _read_mine(path)
            server = msgspec.json.decode(body, type=_RunningServer)
            endpoint = Endpoint(normal_url(server.url), server.key, path.name, server.page)
        except (OSError, msgspec.MsgspecError, BadRequest):
            continue  # removed, half-written, or not ours: no server to use
        if server.pid is None or _is_alive(server.pid):
            found.append((written.st_mtime, endpoint))
    for _, endpoint in sorted(found, key=lambda pair: pair[0], reverse=True):
        yield endpoint


def _read_mine(path: Path) -> tuple[os.stat_result, bytes]:
    """Read a file that only this user can write: another user could name their own server in it.

    Raises:
        OSError: Another user owns it or can open it, or it is a link or not a plain file.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, os.O_RDONLY | flags), "rb") as file:
        written = os.fstat(file.fileno())
        open_to_others = written.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        mine = not hasattr(os, "geteuid") or (written.st_uid == os.geteuid() and not open_to_others)
        if not mine or not stat.S_ISREG(written.st_mode):
            raise PermissionError(f"{path} must belong to this user alone")
        return written, file.read()


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill(pid, 0) would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
