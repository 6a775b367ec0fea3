"""Identifies and authorizes the callers of a standalone server, by API keys.

A caller presents a key as ``Authorization: Bearer``, or as ``?token=`` where a header is
impossible (a browser's WebSocket, a link). Opening the page with ``?token=`` leaves a
signed cookie that names the key, never the key itself; it ends with the key. Requests by
cookie stand under the XSRF rules, those with a key do not.
"""

from dataclasses import dataclass, field
from typing import Final

from jupyter_server.auth import Authorizer, IdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.auth.keyring import ACTIONS, KeyFileError, Keyring, Right
from crewai_hitl_nb.store.base import KeyScope

_EVERYTHING: Final[frozenset[Right]] = frozenset(ACTIONS.values())
_log = logger(__name__)
_MASTER: Final = "api"


@dataclass
class Caller(User):
    """A caller with the rights and the scope of their key."""

    rights: frozenset[Right] = _EVERYTHING
    key_scope: KeyScope | None = None
    keyring: Keyring | None = field(default=None, repr=False, compare=False)

    def is_valid(self) -> bool:
        """Whether the key still exists with the same rights and scope."""
        if self.keyring is None:
            return True
        try:
            key = self.keyring.get(self.username)
        except KeyFileError:
            return False
        return key is not None and (key.rights, key.scope) == (self.rights, self.key_scope)


class ApiKeyIdentity(IdentityProvider):
    """Identifies the caller by a key; on a server without keys every program may call."""

    def __init__(self, api_key: str, keyring: Keyring | None) -> None:
        """Take the one key with every right (or an empty text) and the keys file."""
        super().__init__(token=api_key, cookie_options={"samesite": "Lax"}, log=_log)
        self._keyring = keyring

    @property
    def auth_enabled(self) -> bool:
        """Whether a key is needed."""
        return bool(self.token) or self._keyring is not None

    async def get_user_token(self, handler: web.RequestHandler) -> User | None:
        """Return the caller whose key is presented, compared in constant time."""
        presented = kernel_key.credential_of(handler)
        key = self._keyring.find(presented) if self._keyring else None
        if key is not None:
            return self._caller(key.id)
        if not self.token or not presented:
            return None
        return _master() if kernel_key.equal_in_constant_time(self.token, presented) else None

    def cannot_be_guessed(self, handler: web.RequestHandler) -> bool:
        """Say whether the presented key is one of the file.

        Those are random. The one key may be a word that somebody chose: an address that tried too
        many wrong ones has to wait before another is checked.
        """
        return bool(self._keyring and self._keyring.find(kernel_key.credential_of(handler)))

    def user_from_cookie(self, cookie_value: str) -> User | None:
        """Return the caller whose key the cookie names, if the key still exists."""
        said = super().user_from_cookie(cookie_value)
        if said is None:
            return None
        return _master() if said.username == _MASTER else self._caller(said.username)

    def generate_anonymous_user(self, handler: web.RequestHandler) -> User:
        """Return the caller of a server without keys."""
        return _master()

    def is_token_authenticated(self, handler: web.RequestHandler) -> bool:
        """Skip the XSRF check on a server without keys: it has no cookie to misuse."""
        return not self.auth_enabled or super().is_token_authenticated(handler)

    def should_check_origin(self, handler: web.RequestHandler) -> bool:
        """Refuse pages of another origin on a server without keys."""
        return not self.auth_enabled or super().should_check_origin(handler)

    def _caller(self, key_id: str) -> Caller | None:
        key = self._keyring.get(key_id) if self._keyring else None
        if key is None:
            return None
        return Caller(
            username=key.id,
            name=key.name,
            display_name=key.name,
            rights=key.rights,
            key_scope=key.scope,
            keyring=self._keyring,
        )


class KeyAuthorizer(Authorizer):
    """Allows what the caller's key allows, for as long as it does."""

    def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        """Say whether the key has the right for the action."""
        return isinstance(user, Caller) and ACTIONS.get(action) in user.rights and user.is_valid()


def may_answer(keyring: Keyring, caller: str, required: HumanInputRequired) -> bool:
    """Return whether a caller's key allows them to answer a question; the server's one key does."""
    if caller == _MASTER:
        return True
    try:
        key = keyring.get(caller)
    except KeyFileError:
        return False
    if key is None or ACTIONS["execute"] not in key.rights:
        return False
    return key.scope is None or key.scope.covers(required)


def _master() -> Caller:
    return Caller(username=_MASTER, name=_MASTER, display_name=_MASTER)
