"""The blocking client: :class:`~crewai_hitl_nb.client.async_client.AsyncClient` for plain code.

It runs the asynchronous client on a thread of its own, so it works in a notebook cell, beside a
running loop and in a forked process. Methods, parameters and errors are those of the asynchronous
client.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any

from crewai_hitl_nb.client.async_client import CALL_SECONDS, AsyncClient
from crewai_hitl_nb.client.discovery import require_endpoint
from crewai_hitl_nb.client.files import Content
from crewai_hitl_nb.client.loop_thread import LoopThread
from crewai_hitl_nb.client.results import Health, Receipt, Request, Rule
from crewai_hitl_nb.client.resume import Replay
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.events import CancelReason, Decision, Event, HumanInputCompleted
from crewai_hitl_nb.protocol.files import FileReference
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.protocol.state import Listed


class Client:
    """Talks to a crewai-hitl server. Use it as a context manager, or close it.

    Args:
        url: The server's prefix, e.g. ``http://127.0.0.1:8888/crewai-hitl/``. Without it, the
            client looks for a server by the rules in ``discovery.py``.
        token: The server's token.
        seconds: The longest wait for a connection or a reply; a number or a ``timedelta``.

    Raises:
        WrongArgument: An argument has the wrong type; the methods raise it, too.
        NoServer: No server was named, and none was found.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        seconds: Seconds = CALL_SECONDS,
    ) -> None:
        self._seconds = arguments.seconds("seconds", seconds)
        self.endpoint = require_endpoint(
            arguments.text_or_none("url", url), arguments.text_or_none("token", token)
        )
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._own_thread = LoopThread("crewai-hitl-client")
        self._client = AsyncClient(endpoint=self.endpoint, seconds=self._seconds)
        self._streams: set[_Events] = set()

    @property
    def _thread(self) -> LoopThread:
        """The thread that makes the calls; a new one in a forked process."""
        if self._pid != os.getpid():
            self._begin()
        return self._own_thread

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the streams, close the connections and end the thread."""
        if not self._own_thread.is_open:
            return
        for events in list(self._streams):
            self._thread.run(events.close())
        self._thread.run(self._client.aclose())
        self._thread.close()

    def health(self) -> Health:
        """Return the health of the server."""
        return self._thread.run(self._client.health())

    def publish(self, *events: Event | Mapping[str, Any]) -> tuple[Receipt, ...]:
        """Publish events, typed or as JSON objects, and return their places in the log."""
        return self._thread.run(self._client.publish(*events))

    def pending(self) -> list[Request]:
        """Return every open request, oldest first."""
        return self._thread.run(self._client.pending())

    def requests(
        self,
        *,
        status: Listed | None = None,
        execution_id: str | None = None,
        crew_id: str | None = None,
        kind: str | None = None,
        assignee: str | None = None,
        search: str | None = None,
        closed_after: datetime | None = None,
    ) -> list[Request]:
        """Return all requests that match the filters.

        ``search`` is a text whose words must all occur in the question, the names of its asker or
        the answer. ``closed_after`` leaves out what is pending and what ended earlier, by the
        clock of the server's log; a time without a zone is local.
        """
        return self._thread.run(
            self._client.requests(
                status=status,
                execution_id=execution_id,
                crew_id=crew_id,
                kind=kind,
                assignee=assignee,
                search=search,
                closed_after=closed_after,
            )
        )

    def request(self, request_id: str) -> Request:
        """Return one request and its outcome."""
        return self._thread.run(self._client.request(request_id))

    def answer(
        self,
        request_id: str,
        human_feedback: str = "",
        *,
        decision: Decision | None = None,
        options: str | Iterable[str] | None = None,
        values: dict[str, Any] | None = None,
        via: str = "api",
        idempotency_key: str | None = None,
    ) -> HumanInputCompleted:
        """Answer a request and return its event; blank text accepts only a draft."""
        return self._thread.run(
            self._client.answer(
                request_id,
                human_feedback,
                decision=decision,
                options=options,
                values=values,
                via=via,
                idempotency_key=idempotency_key,
            )
        )

    def claim(self, request_id: str, *, via: str = "api") -> None:
        """Claim a request. Advisory: others may still answer."""
        self._thread.run(self._client.claim(request_id, via=via))

    def cancel(self, request_id: str, *, reason: CancelReason = "withdrawn") -> None:
        """Cancel a request: nobody waits for the answer any longer."""
        self._thread.run(self._client.cancel(request_id, reason=reason))

    def upload(
        self,
        request_id: str,
        content: Content,
        *,
        name: str | None = None,
        media_type: str | None = None,
    ) -> FileReference:
        """Upload a file of a request, and return the reference that an answer's values hold."""
        return self._thread.run(
            self._client.upload(request_id, content, name=name, media_type=media_type)
        )

    def download(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file, whose hash was checked."""
        return self._thread.run(self._client.download(request_id, sha256))

    def rules(self) -> list[Rule]:
        """Return the rules that people made for tools and that stand, oldest first."""
        return self._thread.run(self._client.rules())

    def revoke_rule(self, rule_id: str, *, via: str = "api") -> None:
        """End a rule: from then on a person is asked again."""
        self._thread.run(self._client.revoke_rule(rule_id, via=via))

    def events(
        self,
        execution_id: str | None = None,
        *,
        last_event_id: str | None = None,
        replay: Replay | None = None,
        types: str | Iterable[str] = (),
    ) -> Generator[Event | Gap, None, None]:
        """Yield events as they come, across reconnects, transports and restarts.

        The stream ends when any thread closes the client.
        """
        events = _Events(
            self._client.events(
                execution_id, last_event_id=last_event_id, replay=replay, types=types
            )
        )
        self._streams.add(events)
        try:
            while (event := self._thread.run(events.next())) is not None:
                yield event
        finally:
            self._streams.discard(events)
            if self._own_thread.is_open:  # otherwise closing the client has closed this
                with suppress(CancelledError):  # it is being closed right now
                    self._thread.run(events.close())


class _Events:
    """A stream on the client's loop; an interrupted step ends before the next one begins."""

    def __init__(self, events: AsyncGenerator[Event | Gap, None]) -> None:
        self._events = events
        self._lock = asyncio.Lock()
        self._step: asyncio.Future[Event | Gap] | None = None
        self._closed = False

    async def next(self) -> Event | Gap | None:
        """Return the next event; None once the stream is closed."""
        async with self._lock:
            if self._closed:
                return None
            self._step = asyncio.ensure_future(anext(self._events))
            try:
                return await self._step
            except asyncio.CancelledError:
                if self._closed:  # by another thread, while this one waited
                    return None
                raise
            finally:
                self._step = None

    async def close(self) -> None:
        """End the stream and the wait for its next event."""
        self._closed = True
        if self._step is not None:
            self._step.cancel()
        async with self._lock:
            await self._events.aclose()
