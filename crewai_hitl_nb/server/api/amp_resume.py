"""``POST resume``: takes an answer in the format of crewAI AMP's endpoint with that name.

A service that resumes crews on crewAI AMP can send the same four fields here
(crewAI's API reference, "POST /resume"): a request is found by its execution and task,
``is_approve`` true accepts, false sends the feedback back for another round. AMP's webhook
addresses are ignored: webhooks are configured on the server.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import BadRequest, NotFound
from crewai_hitl_nb.protocol.events import Feedback
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.state import Request, Status
from crewai_hitl_nb.server.api.requests import decode, recorded
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import CallerMixin, needs
from crewai_hitl_nb.store.base import RequestQuery


class ResumeBody(msgspec.Struct, frozen=True):
    """The body, as crewAI AMP takes it."""

    execution_id: Id
    task_id: Id
    human_feedback: Feedback
    is_approve: bool


async def resume(caller: CallerMixin, raw: object) -> dict[str, Any]:
    """Answer the open request of an execution's task; return the reply's body.

    Raises:
        NotFound: That task has not asked a question here.
        BadRequest: Several of its requests are open, and the call does not say which one it means.
        Settled: The request is closed.
        InvalidAnswer: The request does not accept this answer.
    """
    caller.services.limiter.take("answer", caller.caller)
    body = decode(raw, ResumeBody)
    request = await _asked_by(caller, body)
    answer = Answer(
        human_feedback=body.human_feedback,
        decision="approve" if body.is_approve else "respond",
        via="resume",
    )
    request_id = request.required.request_id
    return recorded(request_id, await caller.broker.answer(request_id, answer, caller.person))


async def _asked_by(caller: CallerMixin, body: ResumeBody) -> Request:
    pending = [request async for request in _asked(caller, body, "pending")]
    if len(pending) > 1:
        raise BadRequest(
            f"task `{body.task_id}` has several open requests; answer one of "
            f"{', '.join(request.required.request_id for request in pending)} "
            "with POST requests/{id}/answer"
        )
    if pending:
        return pending[0]
    async for request in _asked(caller, body, None):
        raise state.closed_error(request.required.request_id, request)
    raise NotFound(
        f"task `{body.task_id}` of execution `{body.execution_id}` has not asked a question here; "
        "list the questions with GET requests"
    )


async def _asked(
    caller: CallerMixin, body: ResumeBody, status: Status | None
) -> AsyncIterator[Request]:
    """Yield the requests of the task, the newest first."""
    query = RequestQuery(status=status, execution_id=body.execution_id, newest_first=True)
    while True:
        page = await caller.broker.requests(query)
        for request in page.requests:
            if request.required.task_id == body.task_id:
                yield request
        if page.next is None:
            return
        query = msgspec.structs.replace(query, after=page.next)


class ResumeHandler(HitlHandler):
    """Takes answers in crewAI AMP's format."""

    @needs("execute")
    async def post(self) -> None:
        """Answer: as ``POST requests/{id}/answer`` does."""
        self.reply(await resume(self, self.json_body()))
