"""A peer: the server of the event-streaming guide as it is usually written, on FastAPI and uvicorn.

``documented.py PORT``. A list of events per execution, a queue per connection, JSON made for every
reader, one write per event, heartbeats over SSE; a key is compared when somebody connects. Written
for the benchmark after the document's endpoints, neither slowed down nor tuned.
"""

import asyncio
import json
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

API_KEY = "a-key-for-the-benchmark"
HEARTBEAT_SECONDS = 30.0
Event = dict[str, Any]
Readers = set["asyncio.Queue[Event]"]


class EventStreams:
    """The events of every execution, and who listens."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.readers: dict[str, Readers] = defaultdict(set)

    def publish(self, event: Event) -> None:
        """Keep an event and hand it to every reader's queue."""
        event["event_id"] = str(uuid.uuid4())
        event["timestamp"] = datetime.now(timezone.utc).isoformat()
        execution = event["execution_id"]
        self.events[execution].append(event)
        for queue in self.readers[execution]:
            queue.put_nowait(event)

    def since(self, execution: str, last_event_id: str | None) -> list[Event]:
        """Return the events after the named one; all of them without a name."""
        events = self.events[execution]
        if last_event_id is None:
            return list(events)
        for place, event in enumerate(events):
            if event["event_id"] == last_event_id:
                return events[place + 1 :]
        return list(events)


app = FastAPI()
streams = EventStreams()
Authorization = Annotated[str, Header()]


def _check(presented: str) -> None:
    if presented.removeprefix("Bearer ") != API_KEY:
        raise HTTPException(401, "invalid API key")


async def _next(queue: "asyncio.Queue[Event]") -> Event:
    """Return the next event, or a heartbeat as the document's clients expect it."""
    try:
        return await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
    except asyncio.TimeoutError:
        return {"type": "heartbeat", "timestamp": datetime.now(timezone.utc).isoformat()}


@app.post("/events")
async def publish(request: Request, authorization: Authorization = "") -> dict[str, str]:
    """Take one event."""
    _check(authorization)
    streams.publish(await request.json())
    return {"status": "published"}


@app.websocket("/ws/human-input/{execution}")
async def websocket(socket: WebSocket, execution: str, token: str = "") -> None:
    """Send events as they come."""
    _check(token)
    await socket.accept()
    queue: asyncio.Queue[Event] = asyncio.Queue()
    streams.readers[execution].add(queue)
    try:
        while True:
            await socket.send_json(await queue.get())
    except WebSocketDisconnect:
        streams.readers[execution].discard(queue)


@app.get("/events/human-input/{execution}")
async def server_sent_events(
    execution: str,
    replay: bool = False,
    last_event_id: str | None = None,
    authorization: Authorization = "",
) -> StreamingResponse:
    """Send events as they come; first those after the last one, where that is asked for."""
    _check(authorization)
    queue: asyncio.Queue[Event] = asyncio.Queue()
    streams.readers[execution].add(queue)
    missed = streams.since(execution, last_event_id) if replay or last_event_id else []

    async def blocks() -> AsyncIterator[str]:
        try:
            for event in missed:
                yield f"data: {json.dumps(event)}\n\n"
            while True:
                yield f"data: {json.dumps(await _next(queue))}\n\n"
        finally:
            streams.readers[execution].discard(queue)

    return StreamingResponse(blocks(), media_type="text/event-stream")


@app.get("/poll/human-input/{execution}")
async def poll(
    execution: str, timeout: float = 0, authorization: Authorization = ""
) -> dict[str, list[Event]]:
    """Wait for the next event."""
    _check(authorization)
    queue: asyncio.Queue[Event] = asyncio.Queue()
    streams.readers[execution].add(queue)
    try:
        return {"events": [await asyncio.wait_for(queue.get(), timeout)]}
    except asyncio.TimeoutError:
        return {"events": []}
    finally:
        streams.readers[execution].discard(queue)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        timeout_keep_alive=3600,  # its publisher waits while others are measured
    )
