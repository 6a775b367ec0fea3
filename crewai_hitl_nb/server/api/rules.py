"""``rules…``: lists the rules that people made for tools, and revokes one.

A rule is made with an answer: see ``api/requests.py``.
"""

from typing import Any

import msgspec

from crewai_hitl_nb.protocol.events import Via
from crewai_hitl_nb.protocol.rules import rule_to_wire
from crewai_hitl_nb.server.api import surfaces
from crewai_hitl_nb.server.api.requests import decode
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import CallerMixin, needs


class RevokeBody(msgspec.Struct, frozen=True):
    """The body of a revocation."""

    via: Via = "api"


async def revoke(caller: CallerMixin, rule_id: str, raw: object) -> dict[str, Any]:
    """Revoke a rule in the caller's name; return the reply's body."""
    caller.services.limiter.take("answer", caller.caller)
    via = decode(raw, RevokeBody).via
    surfaces.check(caller, via, None)
    one = await caller.broker.revoke_rule(rule_id, caller.person, via)
    return {"rule_id": one.made.event_id, "status": "revoked"}


class RulesHandler(HitlHandler):
    """Lists rules."""

    @needs("read")
    async def get(self) -> None:
        """Return the rules that stand."""
        self.services.limiter.take("read", self.caller)
        await self.room()
        self.reply({"rules": [rule_to_wire(one) for one in await self.broker.rules()]})


class RevokeRuleHandler(HitlHandler):
    """Ends a rule."""

    @needs("execute")
    async def post(self, rule_id: str) -> None:
        """Revoke: 200, also if it has been revoked already."""
        self.reply(await revoke(self, rule_id, self.json_body()))
