"""Encodes events and control frames for each streaming transport, in each dialect.

Every reader of an encoder gets the same bytes, so they are made once however many readers there
are. Above: the streams' handlers, and the broker's audiences, which ask for bytes and send them
unchanged. It knows no connection.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from crewai_hitl_nb.broker.delivery.audience import Encoder
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Step
from crewai_hitl_nb.protocol import dialects, frames
from crewai_hitl_nb.protocol.dialects import Dialect
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.store.base import Record


class SseEncoder(Encoder):
    """Blocks of Server-Sent Events (HTML, 9.2)."""

    def __init__(self, dialect: Dialect) -> None:
        """Write in this dialect."""
        self._say = dialect.say

    def events(self, records: Sequence[Record]) -> bytes:
        """Return one block for each record."""
        say = self._say
        return b"".join([frames.sse_event(r.event_id, say(r.body)) for r in records])

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as a block."""
        return frames.sse_frame(frame, self._say(frames.encode_frame(frame)))


class ChunkedSseEncoder(SseEncoder):
    """The same blocks as chunks of an HTTP/1.1 body (RFC 9112, 7.1)."""

    def events(self, records: Sequence[Record]) -> bytes:
        """Return all blocks as one chunk."""
        return _chunk(super().events(records))

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as a chunk."""
        return _chunk(super().frame(frame))


class WebSocketEncoder(Encoder):
    """Text frames of a server, which are not masked (RFC 6455, 5.2)."""

    def __init__(self, dialect: Dialect) -> None:
        """Write in this dialect."""
        self._say = dialect.say

    def events(self, records: Sequence[Record]) -> bytes:
        """Return one frame for each record."""
        say = self._say
        return text_frames(say(record.body) for record in records)

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as a text frame."""
        return text_frames([self._say(frames.encode_frame(frame))])


def encode(
    encoder: Encoder, step: Step | None, heartbeat: Callable[[int | None], Heartbeat]
) -> bytes:
    """Encode a step of a subscription; a heartbeat where nothing came (None) or it caught up."""
    if step is None or isinstance(step, CaughtUp):
        return encoder.frame(heartbeat(None if step is None else step.offset))
    return encoder.frame(step) if isinstance(step, Gap) else encoder.events(step)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK: Final = b"0\r\n\r\n"


def text_frames(messages: Iterable[bytes]) -> bytes:
    """Return the messages as text frames of a server, one after the other."""
    return b"".join(_heads_and_messages(messages))


def _heads_and_messages(messages: Iterable[bytes]) -> Iterable[bytes]:
    for message in messages:
        size = len(message)
        if size < 126:
            yield bytes((0x81, size))
        elif size < 1 << 16:
            yield b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            yield b"\x81\x7f" + size.to_bytes(8, "big")
        yield message


SSE: Final = {dialect: SseEncoder(dialect) for dialect in dialects.ALL}
CHUNKED_SSE: Final = {dialect: ChunkedSseEncoder(dialect) for dialect in dialects.ALL}
WEBSOCKET: Final = {dialect: WebSocketEncoder(dialect) for dialect in dialects.ALL}
