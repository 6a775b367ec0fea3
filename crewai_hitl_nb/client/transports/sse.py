"""Reads a stream over Server-Sent Events.

Below are httpx and httpx-sse; above is ``stream.py``. It cannot send: callers use POST.
"""

from collections.abc import AsyncGenerator, Mapping

import httpx
import httpx_sse

from crewai_hitl_nb.client.decode import Incoming, Refused, decode_frame
from crewai_hitl_nb.client.errors import ServerAway, Silent, TransportUnusable, describe
from crewai_hitl_nb.client.http import raise_for_refusal, stream_error
from crewai_hitl_nb.client.resume import IdleTimeout
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.frames import Ack


async def read_events(
    http: httpx.AsyncClient, path: str, params: Mapping[str, str], idle: IdleTimeout
) -> AsyncGenerator[Incoming, None]:
    """Yield the frames of one connection until it ends.

    Raises:
        ServerAway: The server cannot be reached, or ended the stream.
        Silent: Nothing came for too long.
        TransportUnusable: The server can be reached, but not by SSE.
        HitlError: The server's refusal.
    """
    seconds = http.timeout.connect
    wait = httpx.Timeout(seconds, read=idle.seconds)
    try:
        async with httpx_sse.aconnect_sse(
            http, "GET", path, params=dict(params), timeout=wait
        ) as source:
            if not source.response.is_success:
                await source.response.aread()
                _refuse(source.response)
            async for block in source.aiter_sse():
                if not block.data:  # only `retry:`, and resume.py decides about pauses
                    continue
                frame = decode_frame(block.data)
                if frame is not None and not isinstance(frame, Ack | Refused):
                    yield frame
    except httpx_sse.SSEError as error:
        raise TransportUnusable(f"no event stream at {http.base_url}: {error}") from error
    except httpx.ReadTimeout:
        raise Silent("nothing came down the event stream") from None
    except httpx.TransportError as error:
        raise ServerAway(f"the event stream ended: {describe(error)}") from error
    raise ServerAway("the server ended the event stream")


def _refuse(reply: httpx.Response) -> None:
    try:
        raise_for_refusal(reply)
    except ServerAway:
        raise  # a JupyterHub's page
    except HitlError as refusal:
        raise stream_error(refusal, reply.status_code, reply.content, "sse") from refusal
