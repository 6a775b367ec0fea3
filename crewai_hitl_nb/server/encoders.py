"""How events are written for each transport that streams, in each dialect.

The same bytes go to every reader of a form, so they are made once however many there are.
Above: the handlers, and the audiences of the broker, which ask for bytes and send them as they
are. It knows no connection.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from crewai_hitl_nb.broker.delivery.audience import Form
from crewai_hitl_nb.broker.delivery.subscription import Live, Step
from crewai_hitl_nb.protocol import dialects, frames
from crewai_hitl_nb.protocol.dialects import Dialect
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.store.base import Record


class EventStream(Form):
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


class ChunkedEventStream(EventStream):
    """The same, as chunks of an HTTP/1.1 body (RFC 9112, 7.1)."""

    def events(self, records: Sequence[Record]) -> bytes:
        """Return all blocks as one chunk."""
        return chunk(super().events(records))

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as a chunk."""
        return chunk(super().frame(frame))


class Socket(Form):
    """Text frames of a server, which are not masked (RFC 6455, 5.2)."""

    def __init__(self, dialect: Dialect) -> None:
        """Write in this dialect."""
        self._say = dialect.say

    def events(self, records: Sequence[Record]) -> bytes:
        """Return one frame for each record."""
        say = self._say
        return framed(say(record.body) for record in records)

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as a text frame."""
        return framed([self._say(frames.encode_frame(frame))])


def write(form: Form, step: Step | None, heartbeat: Callable[[int | None], Heartbeat]) -> bytes:
    """Return a step of a subscription in a form; nothing for a while is a heartbeat."""
    if step is None or isinstance(step, Live):
        return form.frame(heartbeat(None if step is None else step.offset))
    return form.frame(step) if isinstance(step, Gap) else form.events(step)


def chunk(data: bytes) -> bytes:
    """Return the data as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK: Final = b"0\r\n\r\n"


def framed(messages: Iterable[bytes]) -> bytes:
    """Return the messages as text frames of a server, one after the other."""
    return b"".join(_frames(messages))


def _frames(messages: Iterable[bytes]) -> Iterable[bytes]:
    for message in messages:
        size = len(message)
        if size < 126:
            yield bytes((0x81, size))
        elif size < 1 << 16:
            yield b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            yield b"\x81\x7f" + size.to_bytes(8, "big")
        yield message


EVENT_STREAM: Final = {dialect: EventStream(dialect) for dialect in dialects.ALL}
CHUNKED_EVENT_STREAM: Final = {dialect: ChunkedEventStream(dialect) for dialect in dialects.ALL}
SOCKET: Final = {dialect: Socket(dialect) for dialect in dialects.ALL}
