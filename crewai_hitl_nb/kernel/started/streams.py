"""What a kickoff returns where ``stream=True``: an iterator, and nothing has run before it is read.

Above it is ``started/starter.py``, which reads such a stream to its end, because nobody else does;
it knows crewAI's streams and nothing else of this package.
"""

from typing import Any, Final

from crewai.types.streaming import StreamingOutputBase, StreamSessionBase

_NEVER_READ: Final = (
    "the flow returned a stream that nobody has read, so what it streams has not run, and the loop "
    "that it belongs to has ended. Read it in the flow's method (async for chunk in stream), and "
    "return stream.result"
)


def read_out(result: Any) -> Any:
    """Return what a run gives in the end: of a stream its result, once all of it was read.

    Raises:
        RuntimeError: It is an asynchronous stream that was not read while its loop ran.
        Exception: What the run raised.
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
