"""The bridge: carries questions to the server and brings their ends back.

It runs on a thread of its own, so it works while a cell blocks, and never depends on the
kernel's shell channel. Below it is the link (one connection, kept up); above it is
``asking.py``, which waits on a :class:`~crewai_hitl_nb.kernel.bridge.pending.PendingRequest` from
any thread or loop. It knows neither crewAI nor notebooks.

* A question is published when the connection is live, and again after every reconnection:
  publishing is idempotent, and what the server already had is looked up, so an answer
  given while the connection was away is found. The server away means: the crew waits.
* A question ends once: by an event from the server, by being withdrawn here, or because it
  cannot be asked: the server refused it, or a fault of this side stopped it. Nothing else ends
  it, and no failure is ever an answer.
"""

import asyncio
from collections.abc import Callable, Coroutine
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
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import (
    EventExists,
    HitlError,
    Settled,
    TooLarge,
    Unavailable,
    Unknown,
)
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    Event,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputExpired,
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
"""The longest that an asker lets the bridge go first: the interpreter's own turn for a thread."""


class Bridge:
    """Every open question of this process, and the thread that carries them.

    Its methods may be called from any thread and return at once, but for :meth:`head_start`
    and :meth:`close`.

    Args:
        endpoint: Where the server is.
        source_id: Names this process as the waiter.
        heard: Called on the bridge's thread with each event that wants something of a run.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        source_id: str,
        heard: Callable[[UnknownEvent], None] = lambda event: None,
    ) -> None:
        self.endpoint = endpoint
        self.source_id = source_id
        self._open: dict[str, PendingRequest] = {}
        self._errands: set[Future[None]] = set()
        self._client = AsyncClient(endpoint=endpoint)
        self._link = Link(self._client, source_id, self._closed, heard)
        self._publishing = asyncio.Lock()
        self._thread = LoopThread("crewai-hitl-bridge")
        self._keeping = self._thread.submit(self._keep())

    def open(self, request: HumanInputRequired) -> PendingRequest:
        """Ask a question."""
        pending = PendingRequest(request)
        self._open[request.request_id] = pending
        if self._keeping.done():
            # The server refused this process before; what was wrong may be mended by now.
            self._keeping = self._thread.submit(self._keep())
        self._run(self._attend(pending))
        return pending

    def head_start(self, pending: PendingRequest) -> None:
        """Let a question go out before its asker does more, where the server is connected.

        What is drawn for it next holds the interpreter, and the bridge's thread would wait.
        """
        if self.is_live:
            pending.taken_up.wait(HEAD_START_SECONDS)

    def withdraw(self, pending: PendingRequest, reason: CancelReason) -> None:
        """Stop waiting, now; the server is told as soon as it can be."""
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
        """Why the server has not been reached, if it was tried and never succeeded."""
        return self._link.trouble

    def await_first_attempt(self, seconds: float) -> None:
        """Wait until the first attempt to connect has come out, for so long at most."""
        wait([self._link.first], seconds)

    def answer(self, pending: PendingRequest, **answer: Any) -> Future[None]:
        """Answer a question from here, as soon as the server is there.

        Args:
            pending: Which.
            answer: The answer's body.

        Returns:
            Done when the question has ended, whoever's answer won. It raises what the
            server refused the answer with while the question is still open.
        """
        return self._thread.submit(self._answer(pending, answer))

    def let_go(self, pending: PendingRequest) -> None:
        """Stop waiting and leave the question open on the server, which has it."""
        pending.let_go()
        self._run(self._link.changed())

    def retract(self, request_id: str) -> None:
        """Say that nobody needs this answer any more, whoever asked."""
        self._run(self._cancel(request_id, "withdrawn"))

    def call(self, errand: Callable[[AsyncClient], Coroutine[Any, Any, _T]]) -> "Future[_T]":
        """Start a call of the server's API on the bridge's loop."""
        return self._thread.submit(errand(self._client))

    def take_over(self, kernel_id: str) -> None:
        """Cancel what an earlier process of this kernel asked: nobody waits for it now.

        The server would see that as well, some seconds later; until then a cell that is run
        again after a crash would have two open questions.
        """
        self._run(self._take_over(kernel_id))

    def publish(self, event: Event) -> None:
        """Publish an event that nobody here waits on, behind those published before."""
        self._run(self._deliver(event))

    def close(self, reason: CancelReason, seconds: float) -> None:
        """Withdraw what is open, tell the server, and end; takes ``seconds`` at most."""
        for pending in list(self._open.values()):
            self.withdraw(pending, reason)
        try:
            self._thread.run(self._finish(), seconds)
        except TimeoutError:
            _log.debug("%s was not told in time that nobody waits", self.endpoint.url)
        self._thread.close()

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        running = self._thread.submit(errand)
        self._errands.add(running)
        running.add_done_callback(self._errands.discard)

    # ------------------------------------------------------------ on the bridge's loop

    async def _keep(self) -> None:
        try:
            await self._link.keep()
        except Exception as error:  # noqa: BLE001 - whatever ended it, nobody may wait for ever
            self._link.report(str(_refusal(error)))
            for pending in list(self._open.values()):
                pending.refuse(_refusal(error))
            await self._link.changed()

    async def _attend(self, pending: PendingRequest) -> None:
        """Carry one question to its end."""
        told_in = 0
        asked = False
        pending.taken_up.set()  # from here to the connection this thread stops nowhere

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
        """Publish a question; return the number of the connection that has it, or 0."""
        number = self._link.number
        body = encode_event(pending.request)
        if len(body) > limits.MAX_EVENT_BYTES:  # a larger one can end a connection, unanswered
            pending.refuse(_too_large(len(body)))
            return number
        try:
            receipt = await self._link.send("publish", events=[msgspec.Raw(body)])
            published: Published = read_as(receipt, Published)
            if not pending.posted.done():
                pending.posted.set_result(None)
            if any(receipt.duplicate for receipt in published.events):
                found = await self._client.request(pending.request.request_id)
                if found.completion is not None:
                    pending.settle(found.completion)
        except Unavailable as error:
            _log.debug("request %s goes again: %s", pending.request.request_id, error)
            await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))
            return 0
        except HitlError as refusal:
            pending.refuse(refusal)
        return number

    async def _take_over(self, kernel_id: str) -> None:
        try:
            for request in await self._client.pending():
                source = request.source
                if source.kernel_id == kernel_id and source.id not in (None, self.source_id):
                    with suppress(Settled):
                        await self._client.cancel(request.request_id, reason="source_lost")
        except HitlError as error:
            _log.debug("what this kernel asked before is left to the server: %s", error)

    async def _answer(self, pending: PendingRequest, answer: dict[str, Any]) -> None:
        question = msgspec.Raw(encode_event(pending.request))
        said = {**answer, "request_id": pending.request.request_id}
        key = new_event_id()
        while True:
            await self._link.until(lambda: self._link.is_live or not pending.is_open)
            if not pending.is_open:
                return
            try:
                # First, because this connection may be the first one that it goes out on.
                await self._link.send("publish", events=[question])
                reply = await self._link.send("answer", **said, idempotency_key=key)
                answered: Answered = read_as(reply, Answered)
                pending.settle(answered.event)
            except Settled as late:
                pending.settle(_closing_event(late))
            except Unavailable as error:
                _log.debug("an answer goes again: %s", error)
                await asyncio.sleep(max(limits.RECONNECT_MIN_SECONDS, error.retry_after))
                continue
            await self._link.changed()
            return

    async def _cancel(self, request_id: str, reason: CancelReason) -> None:
        try:
            await self._link.tell("cancel", request_id=request_id, reason=reason)
        except (Settled, Unknown) as late:
            _log.debug("request %s needed no cancelling: %s", request_id, late)
        except HitlError as refusal:
            _log.warning("request %s could not be cancelled: %s", request_id, refusal)

    async def _deliver(self, event: Event) -> None:
        try:
            async with self._publishing:  # first come, first served
                try:
                    await self._tell(event)
                except EventExists:  # an id that another process told first, or took
                    await self._tell(msgspec.structs.replace(event, event_id=new_event_id()))
        except HitlError as refusal:
            _log.warning("event %s was refused: %s", event.event_id, refusal)
        except Exception:  # noqa: BLE001 - nobody waits for this errand, so it is said here
            _log.exception("event %s could not be sent", event.event_id)

    async def _tell(self, event: Event) -> None:
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
    """Return why nothing can be asked."""
    if isinstance(error, HitlError):
        return error
    return HitlError(f"it could not be sent ({type(error).__name__}: {text_of(error)})")


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        f"the question comes to {size:,} bytes; at most {limits.MAX_EVENT_BYTES:,} can be asked: "
        "shorten its text, or name a place where it can be read",
        limit=limits.MAX_EVENT_BYTES,
    )


def _closing_event(late: Settled) -> ClosingEvent:
    """Return the event that closed a question before the answer came.

    Raises:
        Settled: When the server does not tell.
    """
    if late.details.get("event") is None:
        raise late
    event = stored_event(late.details["event"])
    if isinstance(event, HumanInputCompleted | HumanInputCancelled | HumanInputExpired):
        return event
    raise late
