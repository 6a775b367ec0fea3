"""Reads the stream that a kickoff with ``stream=True`` returns, and that runs only when read.

``started/starter.py`` uses it to read such a stream to its end, because no other code does. It uses
only crewAI's streams.
"""

from typing import Any, Final

from crewai.types.streaming import StreamingOutputBase, StreamSessionBase

_NEVER_READ: Final = (
    "the flow returned a stream that was never read, so the streamed work has not run, and its "
    "event loop has ended. Read the stream in the flow's method (async for chunk in stream), and "
    "return stream.result"
)


def read_out(result: Any) -> Any:
    """Return a run's result; read a stream to its end first.

    Raises:
        RuntimeError: It is an asynchronous stream that was not read while its loop ran.
        Exception: The error that the run raised.
    """
    while isinstance(result, StreamingOutputBase | StreamSessionBase):
        _read(result)
        result = result.result
    return result


def _read(stream: Any) -> None:
    if stream._sync_iterator is not None:
        for _ in stream:
            pass
    elif not stream.is_completed:
        raise RuntimeError(_NEVER_READ)
