"""Asks a JupyterHub repeatedly whether it still accepts a caller's credential.

The host caches the hub's reply about a token for five minutes, and a stream outlives the request
that it began with. So that a revoked token, a lost group or a deleted user takes effect at once,
the hub is asked again before every publish and answer, and every few seconds about a caller who
only reads.

This module does not import the hub: the host's identity provider brings ``hub_auth``, its client.
"""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from typing import Any, Final

from crewai_hitl_nb.broker.webhooks import call
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import Forbidden, Unavailable

_MOST_TOKENS: Final = 1000
"""Tokens kept at a time; the hub is asked again about one that was dropped."""

_GONE: Final = "the hub no longer lets you use this server; log in again, or use another token"


def is_service(user: object) -> bool:
    """Whether the caller is a service of the hub, which may have the name of a person."""
    said: Any = getattr(user, "hub_user", None)
    return isinstance(said, dict) and said.get("kind") == "service"


def is_namesake(user: object) -> bool:
    """Whether the caller is a service with the name of the server's owner."""
    return is_service(user) and getattr(user, "username", "") == os.environ.get("JUPYTERHUB_USER")


_AWAY: Final = (
    "the JupyterHub does not answer whether you may still do this, so nothing was done; "
    "try again in a moment"
)


class HubToken:
    """A token (or cookie) of a caller, and the hub's last reply about it."""

    def __init__(self, hub_auth: Any, token: str, session: str, user: str) -> None:
        self._hub_auth = hub_auth
        self._token = token
        self._session = session
        self._user = user
        self._known = True
        self._asked_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    def is_valid(self) -> bool:
        """Whether the hub accepted it when it was last asked."""
        return self._known

    async def check(self, *, within: float) -> None:
        """Ask the hub, unless it was asked less than ``within`` seconds ago; one call at a time.

        A call that got no reply counts as well.

        Raises:
            Forbidden: The hub no longer accepts it.
            Unavailable: The hub does not answer.
        """
        if time.monotonic() - self._asked_at >= within or within <= 0:
            if self._asking is None:
                self._asking = asyncio.ensure_future(self._ask())
                self._asking.add_done_callback(self._asked)
            await asyncio.shield(self._asking)
        if not self._known:
            raise Forbidden(_GONE)

    async def _ask(self) -> None:
        auth = self._hub_auth
        try:
            said = await call.within(
                limits.HUB_SECONDS,
                auth.user_for_token(
                    self._token, use_cache=False, session_id=self._session, sync=False
                ),
            )
            known = (
                said is not None
                and said["name"] == self._user
                and bool(auth.check_scopes(auth.access_scopes, said))
            )
        except Exception as error:  # whatever it is: silence, half a reply, a proxy's page
            raise Unavailable(_AWAY) from error
        finally:
            self._asked_at = (
                time.monotonic()
            )  # also without a reply, so that readers do not wait again
        self._known = known

    def _asked(self, task: "asyncio.Task[None]") -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # the callers that wait for it get it


class HubTokens:
    """The tokens that callers presented recently."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, HubToken] = OrderedDict()

    def of(self, handler: Any) -> HubToken | None:
        """Return the credential that the hub accepted for a request; None without a hub."""
        auth = getattr(handler.identity_provider, "hub_auth", None)
        user = handler.current_user
        if auth is None or user is None:
            return None
        by_token = getattr(handler, "_token_authenticated", False)
        token = auth.get_token(handler, in_cookie=False) if by_token else None
        token = token or auth._get_token_cookie(handler)
        if not token:
            return None
        session = auth.get_session_id(handler)
        name = hashlib.sha256(f"{session}:{token}".encode("utf8", "replace")).hexdigest()
        found = self._tokens.pop(name, None) or HubToken(auth, token, session, user.username)
        self._tokens[name] = found
        if len(self._tokens) > _MOST_TOKENS:
            self._tokens.popitem(last=False)
        return found
