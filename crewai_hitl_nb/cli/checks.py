"""The checks of ``doctor``: of the server, and of the environment that the command runs in.

Each check examines one thing, reports what it found, and changes nothing. This module prints
nothing and chooses no exit code.
"""

import os
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import click
import msgspec

from crewai_hitl_nb import __version__, crewai_needed
from crewai_hitl_nb.client.discovery import other_servers
from crewai_hitl_nb.client.errors import NoServer, WrongAddress
from crewai_hitl_nb.client.jupyter_servers import setting, version_fault, why_no_server
from crewai_hitl_nb.protocol.errors import Forbidden, HitlError

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.settings import Settings
    from crewai_hitl_nb.client import Client, Endpoint

State: TypeAlias = Literal["ok", "note", "broken"]

_EXTENSION: Final = "crewai_hitl_nb"
_LAB_EXTENSION: Final = "crewai-hitl-nb"
_BUILT: Final = (
    "widget/static/card.js",
    "widget/static/card-loader.js",
    "server/page/static/inbox.js",
    "server/page/static/inbox-chunk.js",
)
_REINSTALL: Final = (
    "install the wheel again (pip install --force-reinstall --no-deps crewai-hitl-nb); "
    "in a source checkout, run `make build`"
)


class Check(msgspec.Struct, frozen=True):
    """The result of one check.

    Attributes:
        name: What was checked.
        state: ``ok``, ``broken``, or ``note`` for a fact that is neither.
        message: What was found.
        fix: How to fix the problem; blank if nothing is broken. In the JSON output this field is
            called ``mend``, because existing scripts read that name.
    """

    name: str
    state: State
    message: str
    fix: str = msgspec.field(default="", name="mend")


def server_checks(settings: "Settings") -> Iterator[Check]:
    """Find the server, call it, and check that it accepts the token."""
    try:
        endpoint = settings.endpoint()
    except (HitlError, click.UsageError) as error:
        if isinstance(error, NoServer):
            fault = why_no_server()
            yield Check("server", "broken", fault.what, fault.fix)
        else:
            yield Check("server", "broken", "no server was found", str(error))
        return
    yield Check("server", "ok", f"{endpoint.url} (found by {endpoint.origin})")
    others = other_servers(endpoint)
    if others:
        message = f"{len(others) + 1} run; the one above started last"
        yield Check("servers", "note", message, f"to choose another one: --url {others[0]}")
    with settings.client() as client:
        yield from _calls(client, endpoint)


def environment_checks() -> Iterator[Check]:
    """Check what is installed here and what kind of process this is."""
    yield _server_extension()
    yield _lab_extension()
    yield _front_end()
    yield _crewai()
    yield _kernel()
    if os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        yield _hub()
    is_terminal = sys.stdin.isatty()
    yield Check("stdin", "note", "a terminal" if is_terminal else "not a terminal")


def _calls(client: "Client", endpoint: "Endpoint") -> Iterator[Check]:
    try:
        health = client.health()
    except Forbidden as error:
        yield Check("reachable", "ok", "the server responds")
        yield _shut_out(endpoint, error)
        return
    except WrongAddress as error:  # its message says what to do
        what, _, fix = error.message.partition(". ")
        yield Check("reachable", "broken", what, fix or "correct the URL")
        return
    except HitlError as error:
        fix = "start the server, or name another one with --url"
        yield Check("reachable", "broken", error.message, fix)
        return
    yield Check("reachable", "ok", f"the server responds and is {health.status}")
    try:
        waiting = len(client.pending())
    except Forbidden as error:
        yield _shut_out(endpoint, error)
        return
    except HitlError as error:
        yield Check("authorised", "broken", error.message, "see the server's log")
        return
    yield Check("authorised", "ok", f"the server lets us read; {waiting} pending")
    yield _versions(health.version or "unknown", endpoint)


def _hub() -> Check:
    """Check whether each user of the hub has an origin (host name) of their own."""
    if os.environ.get("JUPYTERHUB_HOST"):
        return Check("hub", "ok", "each user's server has its own host name")
    return Check(
        "hub",
        "note",
        "all users' servers share one host name: a page from another user's server can read your"
        " questions and answer in your name",
        "ask the hub's administrator to set `c.JupyterHub.subdomain_host` (docs/jupyterhub.md)",
    )


def _shut_out(endpoint: "Endpoint", error: HitlError) -> Check:
    how = "a wrong token" if endpoint.token else "no token"
    fix = f"set CREWAI_HITL_URL={endpoint.url} and CREWAI_HITL_TOKEN to the server's token"
    return Check("authorised", "broken", f"{error.message} (we sent {how})", fix)


def _versions(server: str, endpoint: "Endpoint") -> Check:
    fault = version_fault(server, __version__, endpoint)
    if fault is None:
        return Check("versions", "ok", f"client {__version__}, server {server}")
    return Check("versions", "broken", fault.what, fault.fix)


def _server_extension() -> Check:
    from jupyter_core.paths import jupyter_config_path

    enabled = setting(jupyter_config_path())
    if enabled:
        return Check("server extension", "ok", "enabled for Jupyter servers of this environment")
    state = "disabled" if enabled is False else "not known to Jupyter servers of this environment"
    fix = f"run `jupyter server extension enable {_EXTENSION}`, then restart the server"
    return Check("server extension", "broken", state, fix)


def _lab_extension() -> Check:
    from jupyter_core.paths import jupyter_path

    for folder in map(Path, jupyter_path("labextensions")):
        manifest = folder / _LAB_EXTENSION / "package.json"
        if not manifest.is_file():
            continue
        entry = _remote_entry(manifest)
        if entry is None or not (manifest.parent / entry).is_file():
            return Check("lab extension", "broken", f"{manifest} has no script", _REINSTALL)
        return Check("lab extension", "ok", str(manifest.parent))
    missing = "its files are in none of the folders that JupyterLab searches"
    return Check("lab extension", "broken", missing, _REINSTALL)


class _Build(msgspec.Struct):
    load: str


class _JupyterLab(msgspec.Struct):
    build: _Build = msgspec.field(name="_build")


class _Manifest(msgspec.Struct):
    jupyterlab: _JupyterLab


def _remote_entry(manifest: Path) -> str | None:
    try:
        return msgspec.json.decode(manifest.read_bytes(), type=_Manifest).jupyterlab.build.load
    except (OSError, msgspec.MsgspecError):
        return None


def _front_end() -> Check:
    package = resources.files(_EXTENSION)
    missing = [name for name in _BUILT if not package.joinpath(name).is_file()]
    if missing:
        return Check("front end", "broken", f"not built: {', '.join(missing)}", _REINSTALL)
    return Check("front end", "ok", "the card and the inbox page are built")


def _crewai() -> Check:
    version = crewai_needed.release()
    if version is None:
        message, fix = "not installed here; only crews need it", crewai_needed.FIX
        return Check("crewai", "note", message, fix)
    if crewai_needed.is_too_old(version):
        needed = ".".join(map(str, crewai_needed.NEEDED))
        message = f"{version} is too old, {needed} is needed"
        return Check("crewai", "broken", message, crewai_needed.FIX)
    return Check("crewai", "ok", version)


def _kernel() -> Check:
    if "JPY_PARENT_PID" not in os.environ:
        return Check("kernel", "note", "not in a kernel")
    name = os.environ.get("JPY_SESSION_NAME")
    where = f"in a kernel of {name}" if name else "in a kernel"
    if "CREWAI_HITL_KERNEL_URL" in os.environ:
        return Check("kernel", "ok", f"{where}; its server gave it the address for questions")
    fault = why_no_server()
    return Check("kernel", "note", f"{where}; {fault.what}", fault.fix)
