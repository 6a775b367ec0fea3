"""What a JupyterHub says of a caller, where the host is a server of one; asked again and again.

The host keeps what the hub said of a token for five minutes, and a stream outlives the request
that it began with. So that a revoked token, a lost group or a deleted person counts at once, the
hub is asked again before whatever is said or answered, and every few seconds for who only reads.

Nothing here imports the hub: the host's identity provider brings ``hub_auth``, its client.
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
"""Remembered at a time; one that is forgotten is asked for again."""

_GONE: Final = "the hub lets you into this server no more; log in again, or use another token"


def is_service(user: object) -> bool:
    """Whether the caller is a service of the hub: it may be named like anybody."""
    said: Any = getattr(user, "hub_user", None)
    return isinstance(said, dict) and said.get("kind") == "service"


def is_namesake(user: object) -> bool:
    """Whether it is a service that is named like the server's owner, and is not them."""
    return is_service(user) and getattr(user, "username", "") == os.environ.get("JUPYTERHUB_USER")


_AWAY: Final = (
    "the JupyterHub cannot be asked whether you may still do this, so nothing was done; "
    "try again in a moment"
)


class HubToken:
    """One token (or cookie) of a caller, and what the hub last said of it."""

    def __init__(self, hub_auth: Any, token: str, session: str, user: str) -> None:
        self._hub_auth = hub_auth
        self._token = token
        self._session = session
        self._user = user
        self._known = True
        self._asked_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    def is_valid(self) -> bool:
        """Whether it opened this server when the hub was last asked."""
        return self._known

    async def check(self, *, within: float) -> None:
        """Ask the hub, unless it was asked within so many seconds; once at a time.

        A hub that does not answer was asked as well.

        Raises:
            Forbidden: It opens this server no more.
            Unavailable: The hub cannot be asked.
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
            self._asked_at = time.monotonic()  # in vain as well: who only reads need not wait again
        self._known = known

    def _asked(self, task: "asyncio.Task[None]") -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it


class HubTokens:
    """The tokens that callers came with lately."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, HubToken] = OrderedDict()

    def of(self, handler: Any) -> HubToken | None:
        """Return what a request was let in by; None where no hub did."""
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
