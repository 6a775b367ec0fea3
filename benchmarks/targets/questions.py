"""A question and its answer as bytes, for the product's WebSocket and for its HTTP endpoints.

The answer's text names its question, so that whoever is released can see that it was by its own.
"""

import re

from benchmarks.processes import BenchError
from benchmarks.targets import wire

ASKED = b"human_input_required"
RELEASED = b"human_input_completed"
_REQUEST_ID = re.compile(rb'"request_id":"([^"]+)"')
_ABOUT = 120
"""Where in a message its type stands."""
_QUESTION = (
    b'{"type":"human_input_required","execution_id":"%s","crew_id":"c","task_id":"t",'
    b'"agent_id":"a","prompt":"Is this draft good?","reason_flags":{"review":true}}'
)


def stream(kind: bytes, execution: str = "") -> str:
    """Return the path of a stream of one type of event, from now on: of one execution, or all."""
    below = f"/{execution}" if execution else ""
    return f"/crewai-hitl/ws/human-input{below}?replay=none&type={kind.decode()}"


def is_a(kind: bytes, message: bytes) -> bool:
    """Say whether a message is an event of that type.

    Raises:
        BenchError: It is a refusal.
    """
    if message.startswith(b'{"type":"error"'):
        raise BenchError(f"the server refused: {message[:300]!r}")
    return kind in message[:_ABOUT]


def asked_in(message: bytes) -> bytes:
    """Return the id of the question that an event speaks of.

    Raises:
        BenchError: It speaks of none.
    """
    found = _REQUEST_ID.search(message)
    if found is None:
        raise BenchError(f"the server said {message[:300]!r}")
    return found.group(1)


def answer_to(question: bytes) -> bytes:
    """Return the text of the answer to a question."""
    return b"to " + question


def check_release(message: bytes) -> bytes:
    """Return the id of the question that an answer released.

    Raises:
        BenchError: The text is that of another question's answer.
    """
    question = asked_in(message)
    if answer_to(question) not in message:
        raise BenchError(f"released by another answer: {message[:300]!r}")
    return question


def ask_frame(execution: str) -> bytes:
    """Return the frame that asks."""
    question = _QUESTION % execution.encode()
    return wire.frame(b'{"type":"publish","ref":"q","events":[%s]}' % question)


def ask_call(execution: str, headers: dict[str, str]) -> bytes:
    """Return the HTTP request that asks."""
    return wire.post("/crewai-hitl/events", _QUESTION % execution.encode(), headers)


def answer_frame(question: bytes) -> bytes:
    """Return the frame that answers."""
    return wire.frame(
        b'{"type":"answer","ref":"a","request_id":"%s","human_feedback":"%s","via":"api"}'
        % (question, answer_to(question))
    )


def approve_frame(question: bytes) -> bytes:
    """Return the frame that approves a draft."""
    return wire.frame(
        b'{"type":"answer","ref":"a","request_id":"%s","decision":"approve","via":"api"}' % question
    )


def answer_call(question: bytes, headers: dict[str, str]) -> bytes:
    """Return the HTTP request that answers."""
    path = f"/crewai-hitl/requests/{question.decode()}/answer"
    return wire.post(path, b'{"human_feedback":"%s"}' % answer_to(question), headers)
