"""The kernel key: how a kernel of this server proves who it is without the user's token.

One secret per server, kept in a file that only its user can read so that kernels survive a restart
of the server, and handed to kernels through their environment. A process that holds it runs code as
this user already, so it carries every permission on ``crewai_hitl`` and none elsewhere: the Jupyter
server does not know it.

Where several servers share a log, a kernel's name says whose kernel it is: a server is named after
its key, because whoever has that key is one caller, also after a restart.
"""

import getpass
import hashlib
import hmac
import logging
import os
import re
import secrets
from pathlib import Path
from typing import Final

import filelock
from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider, User
from tornado import web
from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.store.file_ownership import ForeignFile, is_mine, read_own, refuse_foreign

_log = logger(__name__)
_BLINDING: Final = secrets.token_bytes(32)
_BEARER: Final = re.compile(r"(?:token|bearer)\s+(.+)", re.IGNORECASE)


def load_or_make(path: Path) -> str:
    """Return the key in the file; make both when there is none.

    A key that others could read or write is replaced, so that what they know opens nothing.

    Raises:
        OSError: The file cannot be read or made; ``ForeignFile`` when it is not this user's.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Held while looking and writing: two servers that start at once must agree on the key.
    refuse_foreign(Path(f"{path}.lock"))
    with filelock.FileLock(f"{path}.lock"):
        key = _kept(path)
        if not key:
            key = secrets.token_urlsafe(32)
            path.unlink(missing_ok=True)  # a new file has our mode, and nobody has it open
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(key + "\n")
    return key


def _kept(path: Path) -> str:
    """Return the key in the file, or an empty text where others could know it."""
    try:
        return (read_own(path, secret=True) or b"").decode("ascii", "replace").strip()
    except ForeignFile:
        if path.is_symlink() or not path.is_file() or not is_mine(path):
            raise
        note(_log, logging.WARNING, "kernel_key_replaced", path=path)
        return ""


def credential_of(handler: web.RequestHandler) -> str:
    """Return the key or token that a request carries, or an empty text."""
    return bearer(handler.request) or handler.get_query_argument("token", "")


def all_credentials_of(handler: web.RequestHandler) -> str:
    """Return every credential in a request, joined, or an empty text.

    A host uses one of several; a request with another one among them is another attempt.
    """
    return " ".join(filter(None, [bearer(handler.request), *handler.get_arguments("token")]))


def bearer(request: HTTPServerRequest) -> str:
    """Return the key or token in a request's headers, or an empty text."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
    return match.group(1) if match else ""


def equal_in_constant_time(key: str, given: str) -> bool:
    """Compare in constant time, whatever the lengths: hashed with a secret of this process."""
    ours, theirs = (hmac.digest(_BLINDING, text.encode(), "sha256") for text in (key, given))
    return hmac.compare_digest(ours, theirs)


def server_name(key: str) -> str:
    """Return the name of the server with this kernel key among those that share its log."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


class KernelIdentity(IdentityProvider):
    """Identifies requests with the kernel key as this user's own code.

    Args:
        server: The name of the server, if it shares its log with others.
    """

    def __init__(self, server: str = "") -> None:
        """Look the user up once: that reads the system's files."""
        super().__init__(parent=None)
        self._name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
        self._username = f"kernel:{self._name}" + (f"@{server}" if server else "")

    def get_user(self, handler: web.RequestHandler) -> User:
        """Return the user that the kernels run as."""
        return User(username=self._username, name=self._name, display_name=self._name)

    def is_token_authenticated(self, handler: web.RequestHandler) -> bool:
        """A key is never sent by a browser on its own, so XSRF rules do not apply."""
        return True


class KernelAuthorizer(AllowAllAuthorizer):
    """Allows everything: the key itself is the permission."""
