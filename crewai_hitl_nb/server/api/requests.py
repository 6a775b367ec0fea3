"""``requests…``: lists requests, and answers, claims or cancels one."""

from typing import Any, TypeVar, cast

import msgspec
from tornado.web import RequestHandler as _Handler

from crewai_hitl_nb.protocol.answer import answer_from_wire
from crewai_hitl_nb.protocol.errors import BadRequest
from crewai_hitl_nb.protocol.events import CancelReason, Via
from crewai_hitl_nb.protocol.rules import not_a_person
from crewai_hitl_nb.protocol.state import STATUS_AFTER, request_to_wire
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.api import surfaces
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import CallerMixin, needs
from crewai_hitl_nb.store.base import Appended

T = TypeVar("T")


class ClaimBody(msgspec.Struct, frozen=True):
    """The body of a claim."""

    via: Via = "api"


class CancelBody(msgspec.Struct, frozen=True):
    """The body of a cancellation."""

    reason: CancelReason = "withdrawn"
    message: str = ""


async def answer(
    caller: CallerMixin, request_id: str, raw: object, key: str | None = None
) -> dict[str, Any]:
    """Answer in the caller's name, over any transport; return the reply's body."""
    caller.services.limiter.take("answer", caller.caller)
    said = answer_from_wire(raw, key)
    surfaces.check(caller, said.via, request_id)
    if said.rule is not None and caller.by_kernel:
        raise not_a_person()  # every crew of this server has that key
    # A server's one key is a person's and a crew's at once; a key of the file is given to one.
    has_own_key = getattr(cast("_Handler", caller).current_user, "keyring", None) is not None
    on_page = not caller.by_token and not has_own_key and surfaces.is_by_browser(caller)
    result = await caller.broker.answer(
        request_id, said, caller.person, caller.caller, on_page=on_page
    )
    return recorded(request_id, result)


async def claim(caller: CallerMixin, request_id: str, raw: object) -> dict[str, Any]:
    """Claim in the caller's name; return the reply's body."""
    caller.services.limiter.take("answer", caller.caller)
    via = decode(raw, ClaimBody).via
    surfaces.check(caller, via, request_id)
    return recorded(request_id, await caller.broker.claim(request_id, caller.person, via))


async def cancel(caller: CallerMixin, request_id: str, raw: object) -> dict[str, Any]:
    """Cancel; return the reply's body."""
    caller.services.limiter.take("answer", caller.caller)
    body = decode(raw, CancelBody)
    result = await caller.broker.cancel(request_id, body.reason, body.message)
    return recorded(request_id, result)


def decode(raw: object, kind: type[T]) -> T:
    """Decode a body into its type.

    Raises:
        BadRequest: The body does not fit; the message says why.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{error}") from None


def recorded(request_id: str, result: Appended) -> dict[str, Any]:
    """Return the reply to a call that ended or claimed a request."""
    return {
        "request_id": request_id,
        "status": STATUS_AFTER[result.record.type],
        "event": msgspec.Raw(result.record.body),
    }


class RequestsHandler(HitlHandler):
    """Lists requests."""

    @needs("read")
    async def get(self) -> None:
        """Return one page of requests."""
        self.services.limiter.take("read", self.caller)
        brief = parameters.wants_brief(self)
        await self.room()
        page = await self.broker.requests(parameters.request_query(self))
        listed = [request_to_wire(request, brief=brief) for request in page.requests]
        self.reply({"requests": listed, "next": None if page.next is None else str(page.next)})


class RequestHandler(HitlHandler):
    """Serves one request."""

    @needs("read")
    async def get(self, request_id: str) -> None:
        """Return its current state."""
        self.services.limiter.take("read", self.caller)
        await self.room()
        self.reply(request_to_wire(await self.broker.request(request_id)))


class AnswerHandler(HitlHandler):
    """Takes a person's answer."""

    @needs("execute")
    async def post(self, request_id: str) -> None:
        """Answer: 200, or 409 with the winner, 410, or 422 with the field."""
        key = self.request.headers.get("Idempotency-Key")
        self.reply(await answer(self, request_id, self.json_body(), key))


class ClaimHandler(HitlHandler):
    """Records that a person is working on an answer."""

    @needs("execute")
    async def post(self, request_id: str) -> None:
        """Claim."""
        self.reply(await claim(self, request_id, self.json_body()))


class CancelHandler(HitlHandler):
    """Closes a request without an answer."""

    @needs("write")
    async def post(self, request_id: str) -> None:
        """Cancel."""
        self.reply(await cancel(self, request_id, self.json_body()))
