"""Reads a stream over Server-Sent Events.

Below are httpx and httpx-sse; above is ``stream.py``. Writing goes by POST, elsewhere.
"""

from collections.abc import AsyncGenerator, Mapping

import httpx
import httpx_sse

from crewai_hitl_nb.client.decode import Incoming, Refused, decode_frame
from crewai_hitl_nb.client.errors import ServerAway, Silent, TransportUnusable, describe
from crewai_hitl_nb.client.http import raise_for_refusal
from crewai_hitl_nb.client.resume import Patience
from crewai_hitl_nb.protocol.frames import Ack


async def read_events(
    http: httpx.AsyncClient, path: str, params: Mapping[str, str], patience: Patience
) -> AsyncGenerator[Incoming, None]:
    """Yield what comes down until the connection ends.

    Raises:
        ServerAway: When the server cannot be reached or breaks off; Silent: falls silent.
        TransportUnusable: When something there does not speak SSE.
        HitlError: What the server refused with.
    """
    seconds = http.timeout.connect
    wait = httpx.Timeout(seconds, read=patience.seconds)
    try:
        async with httpx_sse.aconnect_sse(
            http, "GET", path, params=dict(params), timeout=wait
        ) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise_for_refusal(source.response)
            async for block in source.aiter_sse():
                if not block.data:  # `retry:` alone; the pauses are resume.py's
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
