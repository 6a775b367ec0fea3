"""The bridge: publishes questions to the server and receives how they ended.

It runs on its own thread, so it works while a cell blocks and never depends on the kernel's
shell channel. It uses the link (one connection, kept open); ``asking.py`` uses it and waits on a
:class:`~crewai_hitl_nb.kernel.bridge.pending.PendingRequest` from any thread or event loop. It
depends on neither crewAI nor notebooks.

* A question is published when the connection is live, and again after every reconnection.
  Publishing is idempotent. If the server already had the question, its state is looked up, so an
  answer that was given while the connection was down is found. While the server is down, the
  crew waits. The files that it shows are uploaded before it; the question says which were not.
* A question ends once: by an event from the server, by being withdrawn here, or because it
  cannot be asked (the server refused it, or an error on this side stopped it). Nothing else ends
  it, and a failure is never an answer.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.decode import read_as
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.loop_thread import LoopThread
from crewai_hitl_nb.client.results import Answered, Published
from crewai_hitl_nb.kernel.bridge.link import Link
from crewai_hitl_nb.kernel.bridge.pending import PendingRequest
from crewai_hitl_nb.kernel.bridge.uploads import LeftOut, Uploads, without
from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import (
    EventExists,
    HitlError,
    InvalidEvent,
    Settled,
    TooLarge,
    Unavailable,
    Unknown,
)
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    Event,
    HumanInputRequired,
    UnknownEvent,
)
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.json_safe import text_of
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.wire import encode_event, stored_event

_log = logger(__name__)

_T = TypeVar("_T")

HEAD_START_SECONDS: Final = 0.005
"""How long an asker waits at most for the bridge to publish first: Python's switch interval
between threads."""


class Bridge:
    """Holds every open question of this process, and the thread that publishes them.

    Its methods may be called from any thread and return at once, except :meth:`head_start`,
    :meth:`await_first_attempt` and :meth:`close`.

    Args:
        endpoint: The server's address and token.
        source_id: Names this process as the waiter.
        on_run_event: Called on the bridge's thread with each event that requests something of a
            run.
        left_out: Returns a question without one of its files, which could not be uploaded.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        source_id: str,
        on_run_event: Callable[[UnknownEvent], None] = lambda event: None,
        left_out: LeftOut = without,
    ) -> None:
        self.endpoint = endpoint
        self.source_id = source_id
        self._open: dict[str, PendingRequest] = {}
        self._errands: set[Future[None]] = set()
        self._client = AsyncClient(endpoint=endpoint)
        self._uploads = Uploads(self._client, left_out)
        self._link = Link(self._client, source_id, self._closed, on_run_event)
        self._publishing = asyncio.Lock()
        self._thread = LoopThread("crewai-hitl-bridge")
        self._keeping = self._thread.submit(self._keep())

    def open(
        self, request: HumanInputRequired, files: Mapping[str, File] | None = None
    ) -> PendingRequest:
        """Ask a question.

        Args:
            request: The question.
            files: The files of its attachments, by their names there.
        """
        pending = PendingRequest(request, files or {})
        self._open[request.request_id] = pending
        if self._keeping.done():
            # The server refused this process before; the cause may have been fixed since.
            self._keeping = self._thread.submit(self._keep())
        self._run(self._attend(pending))
        return pending

    def prepare(
        self, request: HumanInputRequired, files: Mapping[str, File]
    ) -> "Future[HumanInputRequired]":
        """Upload the files of a question that is opened later, and return it as it may be asked.

        For a caller who stores what was asked before it is asked.
        """
        return self._thread.submit(self._prepare(PendingRequest(request, files)))

    def head_start(self, pending: PendingRequest) -> None:
        """Let the bridge publish a question before its asker continues, if it is connected.

        Drawing the question's card holds the interpreter lock, and the bridge's thread would
        have to wait for it.
        """
        if self.is_live:
            pending.taken_up.wait(HEAD_START_SECONDS)

    def withdraw(self, pending: PendingRequest, reason: CancelReason) -> None:
        """Stop waiting now, and cancel the question on the server as soon as possible."""
        if pending.withdraw(reason):
            self._run(self._link.changed())

    def find(self, request_id: str) -> PendingRequest | None:
        """Return the open question with that id."""
        return self._open.get(request_id)

    @property
    def is_live(self) -> bool:
        """Whether the server is connected now."""
        return self._link.is_live

    @property
    def trouble(self) -> str | None:
        """Why the server could not be reached, if no attempt has succeeded yet."""
        return self._link.trouble

    def await_first_attempt(self, seconds: float) -> None:
        """Wait until the first attempt to connect has succeeded or failed, up to ``seconds``."""
        wait([self._link.first], seconds)

    def answer(self, pending: PendingRequest, **answer: Any) -> Future[None]:
        """Answer a question from this process, as soon as the server is connected.

        Args:
            pending: The question.
            answer: The fields of the answer's body.

        Returns:
            A future that is done when the question has ended, even if another answer won. It
            raises the server's error if the answer was refused and the question is still open.
        """
        return self._thread.submit(self._answer(pending, answer))

    def let_go(self, pending: PendingRequest) -> None:
        """Stop waiting, and leave the question open on the server."""
        pending.let_go()
        self._run(self._link.changed())

    def retract(self, request_id: str) -> None:
        """Cancel a question whose answer is no longer needed; any process may have asked it."""
        self._run(self._cancel(request_id, "withdrawn"))

    def call(self, errand: Callable[[AsyncClient], Coroutine[Any, Any, _T]]) -> "Future[_T]":
        """Start a call to the server's API on the bridge's event loop."""
        return self._thread.submit(errand(self._client))

    def take_over(self, kernel_id: str) -> None:
        """Cancel the questions of an earlier process of this kernel, which nobody waits for.

        The server would notice some seconds later, but until then a cell that is run again after
        a crash would have two open questions.
        """
        self._run(self._take_over(kernel_id))

    def publish(self, event: Event) -> None:
        """Publish an event without waiting for it, in the order of the calls."""
        self._run(self._deliver(event))

    def close(self, reason: CancelReason, seconds: float) -> None:
        """Withdraw the open questions and stop the thread; takes ``seconds`` at most."""
        for pending in list(self._open.values()):
            self.withdraw(pending, reason)
        try:
            self._thread.run(self._finish(), seconds)
        except TimeoutError:
            _log.debug(
                "%s did not confirm in time that the questions are cancelled", self.endpoint.url
            )
        self._thread.close()

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        running = self._thread.submit(errand)
        self._errands.add(running)
        running.add_done_callback(self._errands.discard)

    # ------------------------------------------------------------ on the bridge's loop

    async def _keep(self) -> None:
        try:
            await self._link.keep()
        except Exception as error:  # noqa: BLE001 - no error may leave a crew waiting for ever
            self._link.report(str(_refusal(error)))
            for pending in list(self._open.values()):
                pending.refuse(_refusal(error))
            await self._link.changed()

    async def _attend(self, pending: PendingRequest) -> None:
        """Publish a question on each new connection until it ends."""
        told_in = 0
        asked = False
        pending.taken_up.set()  # from here this thread does not pause before it sends

        def has_turned() -> bool:
            news = self._link.is_live and self._link.number != told_in
            return news or not pending.is_open

        try:
            while True:
                await self._link.until(has_turned)
                if not pending.is_open:
                    break
                asked, told_in = True, await self._ask(pending)
        except Exception as error:  # noqa: BLE001 - as in _keep
            _log.exception("request %s could not be sent", pending.request.request_id)
            pending.refuse(_refusal(error))
        finally:
            del self._open[pending.request.request_id]
        if asked and pending.withdrawn is not None:
            await self._cancel(pending.request.request_id, pending.withdrawn)

    async def _ask(self, pending: PendingRequest) -> int:
        """Publish a question; return the number of the connection it went out on, or 0."""
        number = self._link.number
        try:
            if not pending.posted.done():
                await self._uploads.upload(pending)
            body = encode_event(pending.request)
            if len(body) > limits.MAX_EVENT_BYTES:  # it could close the connection, with no reply
                pending.refuse(_too_large(len(body)))
                return number
            published = await self._publish(pending)
            if not pending.posted.done():
                pending.posted.set_result(None)
                await self._link.changed()
            if any(receipt.duplicate for receipt in published.events):
                found = await self._client.request(pending.request.request_id)
                if found.completion is not None:
                    pending.settle(found.completion)
        except Unavailable as error:
            _log.debug("request %s is sent again: %s", pending.request.request_id, error)
            await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))
            return 0
        except HitlError as refusal:
            pending.refuse(refusal)
        return number

    async def _publish(self, pending: PendingRequest) -> Published:
        try:
            return await self._send_question(pending)
        except InvalidEvent:
            if not (pending.files and pending.posted.done()):
                raise
        await self._uploads.upload(pending)  # the server has a new log, without the files
        return await self._send_question(pending)

    async def _send_question(self, pending: PendingRequest) -> Published:
        question = msgspec.Raw(encode_event(pending.request))
        published: Published = read_as(
            await self._link.send("publish", events=[question]), Published
        )
        return published

    async def _prepare(self, pending: PendingRequest) -> HumanInputRequired:
        while True:
            await self._link.until(lambda: self._link.is_live)
            try:
                await self._uploads.upload(pending)
            except Unavailable as error:
                await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))
            else:
                return pending.request

    async def _take_over(self, kernel_id: str) -> None:
        try:
            for request in await self._client.pending():
                source = request.source
                if source.kernel_id == kernel_id and source.id not in (None, self.source_id):
                    with suppress(Settled):
                        await self._client.cancel(request.request_id, reason="source_lost")
        except HitlError as error:
            _log.debug("the earlier questions of this kernel are not cancelled: %s", error)

    async def _answer(self, pending: PendingRequest, answer: dict[str, Any]) -> None:
        fields = {**answer, "request_id": pending.request.request_id}
        key = new_event_id()
        while True:
            await self._link.until(lambda: self._can_answer(pending))
            if not pending.is_open:
                return
            try:
                # The question first: the server may not have it yet.
                await self._publish(pending)
                reply = await self._link.send("answer", **fields, idempotency_key=key)
                answered: Answered = read_as(reply, Answered)
                pending.settle(answered.event)
            except Settled as late:
                pending.settle(_closing_event(late))
            except Unavailable as error:
                _log.debug("an answer is sent again: %s", error)
                await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))
                continue
            await self._link.changed()
            return

    def _can_answer(self, pending: PendingRequest) -> bool:
        """Whether an answer can be sent, or is no longer needed. Files come before the question."""
        complete = not pending.files or pending.posted.done()
        return (self._link.is_live and complete) or not pending.is_open

    async def _cancel(self, request_id: str, reason: CancelReason) -> None:
        try:
            await self._link.tell("cancel", request_id=request_id, reason=reason)
        except (Settled, Unknown) as late:
            _log.debug("request %s did not need to be cancelled: %s", request_id, late)
        except HitlError as refusal:
            _log.warning("request %s could not be cancelled: %s", request_id, refusal)

    async def _deliver(self, event: Event) -> None:
        try:
            async with self._publishing:  # in the order of the calls
                try:
                    await self._send(event)
                except EventExists:  # another process has published this id
                    await self._send(msgspec.structs.replace(event, event_id=new_event_id()))
        except HitlError as refusal:
            _log.warning("event %s was refused: %s", event.event_id, refusal)
        except Exception:  # noqa: BLE001 - no caller waits for this error, so it is logged here
            _log.exception("event %s could not be sent", event.event_id)

    async def _send(self, event: Event) -> None:
        await self._link.tell("publish", events=[msgspec.Raw(encode_event(event))])

    async def _finish(self) -> None:
        errands = [asyncio.wrap_future(errand) for errand in list(self._errands)]
        await asyncio.gather(*errands, return_exceptions=True)
        await self._client.aclose()

    def _closed(self, closing: ClosingEvent) -> None:
        pending = self._open.get(closing.request_id or "")
        if pending is not None:
            pending.settle(closing)
            self._run(self._link.changed())


def _refusal(error: Exception) -> HitlError:
    """Return the error that says why a question cannot be asked."""
    if isinstance(error, HitlError):
        return error
    return HitlError(f"it could not be sent ({type(error).__name__}: {text_of(error)})")


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        f"the question has {size:,} bytes, more than the limit of {limits.MAX_EVENT_BYTES:,}: "
        "shorten its text, or link to a place where it can be read",
        limit=limits.MAX_EVENT_BYTES,
    )


def _closing_event(late: Settled) -> ClosingEvent:
    """Return the event that closed a question before the answer arrived.

    Raises:
        Settled: The server's error does not contain the event.
    """
    if late.details.get("event") is None:
        raise late
    event = stored_event(late.details["event"])
    if isinstance(event, ClosingEvent):
        return event
    raise late
