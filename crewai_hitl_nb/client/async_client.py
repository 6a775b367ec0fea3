"""The asynchronous client: every endpoint as a typed coroutine, and the stream as an iterator.

Below it are discovery, one HTTP exchange and the stream; above it are the blocking client
(``client.py``), the kernel's bridge and users' scripts. It knows neither Jupyter nor
crewAI.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, Final, TypeVar, cast, get_args

import httpx
import msgspec

from crewai_hitl_nb.client.decode import read_as
from crewai_hitl_nb.client.discovery import Endpoint, require_endpoint
from crewai_hitl_nb.client.errors import ServerAway
from crewai_hitl_nb.client.files import Content, checked, outgoing
from crewai_hitl_nb.client.http import call, encoded, exchange, open_http, segment
from crewai_hitl_nb.client.results import (
    Answered,
    Health,
    Published,
    Receipt,
    Request,
    RequestPage,
    Rule,
    RuleList,
)
from crewai_hitl_nb.client.resume import (
    TRANSPORTS,
    Backoff,
    Cursor,
    Fallback,
    IdleTimeout,
    Replay,
    Transport,
)
from crewai_hitl_nb.client.stream import Connected, Disconnected, Stream, Subscription
from crewai_hitl_nb.protocol import arguments, limits
from crewai_hitl_nb.protocol.arguments import Seconds
from crewai_hitl_nb.protocol.errors import Unavailable
from crewai_hitl_nb.protocol.events import CancelReason, Decision, Event, HumanInputCompleted
from crewai_hitl_nb.protocol.files import FileReference
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.state import Listed
from crewai_hitl_nb.protocol.wire import encode_event, event_from_wire

_Reply = TypeVar("_Reply")

CALL_SECONDS: Final = 10.0
"""The longest wait for one reply: the server does nothing that takes long."""


class AsyncClient:
    """Talks to a crewai-hitl server. Use it as an async context manager, or close it.

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
        endpoint: Endpoint | None = None,
    ) -> None:
        self._seconds = arguments.seconds("seconds", seconds)
        self.endpoint = endpoint or require_endpoint(
            arguments.text_or_none("url", url), arguments.text_or_none("token", token)
        )
        self._http = open_http(self.endpoint, seconds=self._seconds)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def health(self) -> Health:
        """Return the health of the server."""
        return _typed(await self._get("health"), Health)

    async def publish(self, *events: Event | Mapping[str, Any]) -> tuple[Receipt, ...]:
        """Publish events and return their places in the log. Idempotent on ``event_id``.

        Args:
            events: Typed events or JSON objects, one by one or as one list. An object without
                ``event_id`` or ``timestamp`` gets them here.

        Raises:
            InvalidEvent: An event is wrong; the message names the field. No event was stored.
            ServerAway: The server cannot be reached; send the same events again.
        """
        if len(events) == 1 and isinstance(events[0], list | tuple):
            events = tuple(events[0])
        body = b"[" + b",".join(encode_event(_typed_event(event)) for event in events) + b"]"
        raw = await self._call("POST", "events", body=body)
        published: Published = read_as(raw, Published)
        return published.events

    async def pending(self) -> list[Request]:
        """Return every open request, oldest first."""
        return await self.requests(status="pending")

    async def requests(
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
        filters = {
            "status": status,
            "execution_id": execution_id,
            "crew_id": crew_id,
            "kind": kind,
            "assignee": assignee,
            "q": search,
        }
        params = {
            name: arguments.text("search" if name == "q" else name, value)
            for name, value in filters.items()
            if value is not None
        }
        if closed_after is not None:
            params["closed_after"] = arguments.instant("closed_after", closed_after).isoformat()
        found: list[Request] = []
        while True:
            page = _typed(await self._get("requests", params), RequestPage)
            found += page.requests
            if page.next is None:
                return found
            params["cursor"] = page.next

    async def request(self, request_id: str) -> Request:
        """Return one request and its outcome.

        Raises:
            UnknownRequest: The log has no such request.
        """
        return _typed(await self._get(_place(request_id)), Request)

    async def answer(
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
        """Answer a request and return the event that this answer became.

        Args:
            request_id: The id of the request.
            human_feedback: Text; blank without a decision accepts a draft under review and is
                refused for every other kind of request.
            decision: ``approve``, ``respond``, ``edit`` or ``reject``, as the request allows.
            options: The chosen options; one text is one option.
            values: The values of the form.
            via: The surface that the person used.
            idempotency_key: A repeated call with the same key gets the same reply. Default: a new
                key for each call; pass your own to repeat a call whose reply was lost.

        Raises:
            AlreadyAnswered: Another answer won; the error names the winner.
            RequestCancelled: Nobody waits for the answer any longer.
            RequestExpired: The deadline has passed.
            InvalidAnswer: The request does not accept this answer; the message names the field.
                The request stays open.
        """
        body: dict[str, Any] = {
            "human_feedback": arguments.text("human_feedback", human_feedback),
            "via": arguments.text("via", via),
        }
        if decision is not None:
            body["decision"] = arguments.text("decision", decision)
        if options is not None:
            body["options"] = arguments.texts("options", options)
        if values is not None:
            wanted = "a dict of the form's values"
            body["values"] = dict(arguments.mapping("values", wanted, values))
        key = arguments.text_or_none("idempotency_key", idempotency_key) or new_event_id()
        raw = await self._post(_place(request_id, "/answer"), body, key=key)
        return _typed(raw, Answered).event

    async def claim(self, request_id: str, *, via: str = "api") -> None:
        """Claim a request. Advisory: others may still answer."""
        await self._post(_place(request_id, "/claim"), {"via": arguments.text("via", via)})

    async def cancel(self, request_id: str, *, reason: CancelReason = "withdrawn") -> None:
        """Cancel a request: nobody waits for the answer any longer.

        Raises:
            Settled: The request is closed already.
        """
        body = {"reason": arguments.text("reason", reason)}
        await self._post(_place(request_id, "/cancel"), body)

    async def upload(
        self,
        request_id: str,
        content: Content,
        *,
        name: str | None = None,
        media_type: str | None = None,
    ) -> FileReference:
        """Upload a file of a request, and return the reference that an answer's values hold.

        Args:
            request_id: The request; it need not be asked yet by those who publish.
            content: The file's bytes, or its path on this machine.
            name: Its name; that of the path by default.
            media_type: What it is; by default as its name says.

        Raises:
            TooLarge: The file, or the files of the request, have too many bytes.
            Settled: The request is closed.
        """
        file = await asyncio.to_thread(outgoing, content, name, media_type)
        raw = await self._call(
            "POST",
            _place(request_id, "/files"),
            params={"name": file.name},
            body=file.content,
            headers=file.headers,
        )
        return _typed(raw, FileReference)

    async def download(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file, whose hash was checked.

        Raises:
            HitlError: No event of the request refers to such a file (status 404).
        """
        hash_ = arguments.text("sha256", sha256)
        place = _place(request_id, f"/files/{segment(hash_)}")
        reply: httpx.Response = await self._call("GET", place, make=exchange)
        return checked(reply.content, hash_)

    async def rules(self) -> list[Rule]:
        """Return the rules that people made for tools and that stand, oldest first."""
        return list(_typed(await self._get("rules"), RuleList).rules)

    async def revoke_rule(self, rule_id: str, *, via: str = "api") -> None:
        """End a rule: from then on a person is asked again.

        Raises:
            HitlError: There is no such rule (status 404), or you may not answer.
        """
        place = f"rules/{segment(arguments.text('rule_id', rule_id))}/revoke"
        await self._post(place, {"via": arguments.text("via", via)})

    async def send(self, kind: str, **fields: Any) -> Any:
        """Send a frame as an HTTP call, and return the same reply.

        For callers that send frames over a stream's WebSocket, while the stream has none.

        Args:
            kind: ``publish``, ``answer`` or ``cancel``.
            fields: The fields of the frame.

        Raises:
            HitlError: The server refused, or cannot be reached.
        """
        if kind == "publish":
            body = msgspec.json.encode(fields["events"])
            return await self._call("POST", "events", body=body)
        request_id = str(fields.pop("request_id"))
        key = fields.pop("idempotency_key", None)
        return await self._post(_place(request_id, f"/{kind}"), fields, key=key)

    async def events(
        self,
        execution_id: str | None = None,
        *,
        last_event_id: str | None = None,
        replay: Replay | None = None,
        types: str | Iterable[str] = (),
    ) -> AsyncGenerator[Event | Gap, None]:
        """Yield events as they come, without end, across reconnects, transports and restarts.

        Each event comes once, in order. If the log no longer holds the last event seen, a
        :class:`~crewai_hitl_nb.protocol.frames.Gap` comes first, then all retained events.

        Args:
            execution_id: Only this execution.
            last_event_id: Resume after this event.
            replay: Which events come first without a last id: ``pending``, ``all`` or ``none``.
            types: Only these event types; one text is one type.

        Raises:
            HitlError: The server refuses the stream for good.
        """
        subscription = Subscription(
            arguments.text_or_none("execution_id", execution_id),
            arguments.texts("types", types),
            replay if replay is None else _replay(replay),
        )
        cursor = Cursor(arguments.text_or_none("last_event_id", last_event_id))
        stream = self.stream(subscription, cursor=cursor)
        async with aclosing(stream.items()) as items:
            async for item in items:
                if not isinstance(item, Connected | Disconnected):
                    yield item

    def stream(
        self,
        subscription: Subscription,
        *,
        cursor: Cursor | None = None,
        transports: tuple[Transport, ...] = TRANSPORTS,
        heartbeat: float = limits.HEARTBEAT_SECONDS,
    ) -> Stream:
        """Return a stream that also yields when its connection is live or lost.

        Args:
            subscription: Which events to read.
            cursor: Where to resume.
            transports: The transports to use, best first.
            heartbeat: The expected seconds between heartbeats; the stream learns a longer one.
        """
        return Stream(
            self._http,
            self.endpoint,
            subscription,
            cursor=cursor or Cursor(),
            backoff=Backoff(random.random),
            fallback=Fallback(transports),
            idle=IdleTimeout(heartbeat),
            seconds=self._seconds,
        )

    async def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        return await self._call("GET", path, params=params)

    async def _post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key is not None else None
        return await self._call("POST", path, body=encoded(body), headers=headers)

    async def _call(
        self, method: str, path: str, make: Callable[..., Awaitable[Any]] = call, **options: Any
    ) -> Any:
        """Make a call, and repeat it while the reply has a status that means "not now".

        Repeating is safe, because every call is idempotent, and ends after the client's time limit:
        a proxy's 502 may be over in a moment. Without any reply the caller decides, because the
        server may be away for long.
        """
        backoff = Backoff(random.random)
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            try:
                return await make(self._http, method, path, **options)
            except ServerAway:  # noqa: PERF203 - a call costs far more
                raise
            except Unavailable as error:
                if error.retry_after > self._seconds:
                    raise
                await asyncio.sleep(backoff.pause(error.retry_after))
        return await make(self._http, method, path, **options)


def _typed(raw: Any, shape: type[_Reply]) -> _Reply:
    reply: _Reply = read_as(raw, shape)
    return reply


def _typed_event(event: object) -> Event:
    if isinstance(event, Event):
        return event
    raw = dict(event) if isinstance(event, Mapping) else event
    return event_from_wire(raw, event_id=new_event_id(), now=datetime.now(timezone.utc))


def _replay(given: object) -> Replay:
    if given not in get_args(Replay):
        raise arguments.WrongArgument("replay", "'pending', 'all' or 'none'", given)
    return cast(Replay, given)


def _place(request_id: str, act: str = "") -> str:
    """Return the path of a request; its id is encoded, because it may hold any character."""
    return f"requests/{segment(arguments.text('request_id', request_id))}{act}"
