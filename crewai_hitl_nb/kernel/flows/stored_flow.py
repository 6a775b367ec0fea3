"""Where a paused flow may be stored, and what proves that a question is its own.

A log holds what others published, so it decides nothing here. The stores are those that the
caller, the flow's class or crewAI's default names; the path in a question is only compared
with theirs, as text, to choose among them. The stored record then proves the question: it holds
the id of the question that the flow asked, and a digest of what it asked. So nobody else can
ask in the flow's place, with other terms or another default. Above it are ``flows/pause.py``
and ``public/resume_pending.py``; it knows crewAI's stores, no server.
"""

import hashlib
import os
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.persistence.base import FlowPersistence
from crewai.flow.persistence.factory import default_flow_persistence
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.flows.outcome import REQUEST_KEY
from crewai_hitl_nb.protocol.arguments import WrongArgument, several
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired, Pause

DIGEST_KEY: Final = "crewai_hitl_question_sha256"
"""Where the stored record of a paused flow holds the digest of its question."""

_SHOWN_CHARS: Final = 200


def flow_classes(name: str, given: object) -> tuple[type[Flow[Any]], ...]:
    """Return classes of flows, of one or several that a caller named.

    Raises:
        WrongArgument: It is something else, such as a flow itself.
    """
    classes = (given,) if isinstance(given, type) else several(name, "classes of flows", given)
    for one in classes:
        if not (isinstance(one, type) and issubclass(one, Flow)):
            hint = f" (give its class: {type(one).__name__})" if isinstance(one, Flow) else ""
            raise WrongArgument(name, f"one or several classes of flows{hint}", one)
    return classes


class StoredElsewhere(LookupError):
    """A question names a store that nobody here named."""


class NotItsQuestion(LookupError):
    """A question that the stored flow did not ask, or an answer that it did not allow."""


class Stores:
    """The stores of one call of ``resume_pending()``: named by the caller, a class or crewAI.

    Args:
        given: The caller's; then there is no other.
    """

    def __init__(self, given: FlowPersistence | None) -> None:
        self._given = given
        self._of_class: dict[type[Flow[Any]], tuple[FlowPersistence, ...]] = {}

    def holding(
        self, pause: Pause, flow_class: type[Flow[Any]], request_id: str
    ) -> FlowPersistence:
        """Return the store to look for the flow in.

        Raises:
            StoredElsewhere: The question names another one.
        """
        if self._given is not None and waits_for(self._given, pause.flow_id, request_id):
            return self._given  # the record decides: a database may have been moved
        permitted = self.permitted(flow_class)
        for store in permitted:
            if pause.persistence in _names_of(store):
                return store
        raise StoredElsewhere(_elsewhere(pause, permitted))

    def permitted(self, flow_class: type[Flow[Any]]) -> tuple[FlowPersistence, ...]:
        """Return the stores that may be opened for flows of this class."""
        if self._given is not None:
            return (self._given,)
        if flow_class not in self._of_class:
            own = [store for store in _own_stores(flow_class) if isinstance(store, FlowPersistence)]
            self._of_class[flow_class] = (*own, default_flow_persistence())
        return self._of_class[flow_class]


def note_question(context: PendingFeedbackContext, question: HumanInputRequired) -> None:
    """Let the record that is about to be stored say which question the flow asks."""
    context.metadata = {
        **context.metadata,
        REQUEST_KEY: question.request_id,
        DIGEST_KEY: _digest(question),
    }


def waits_for(store: FlowPersistence, flow_id: str, request_id: str) -> bool:
    """Say whether the stored flow waits for the answer to this question."""
    loaded = store.load_pending_feedback(flow_id)
    return loaded is not None and loaded[1].metadata.get(REQUEST_KEY) == request_id


def prove(
    context: PendingFeedbackContext, question: HumanInputRequired, completion: object
) -> None:
    """Make sure that the stored flow asked this very question.

    A record of an earlier version has no digest; it is not resumed by a default answer, which
    nobody gave.

    Raises:
        NotItsQuestion: It did not.
    """
    digest = context.metadata.get(DIGEST_KEY)
    if digest is None:
        by = completion.answered_by if isinstance(completion, HumanInputCompleted) else None
        if by is None or by.via != "default":
            return
        raise NotItsQuestion(
            "the flow was stored by an earlier version, which did not note what it asked, so the"
            " default answer of this question is not used. Resume the flow by hand with"
            f" {context.flow_class.split('.')[-1]}.from_pending(...) and resume(...)"
        )
    if digest != _digest(question):
        raise NotItsQuestion(
            "the question in the log is not what the stored flow asked, so its answer is not"
            " used: somebody else published it. Resume the flow by hand with"
            f" {context.flow_class.split('.')[-1]}.from_pending(...) and resume(...)"
        )


def database_of(store: FlowPersistence) -> str | None:
    """Return the path of the file that the store keeps its flows in, if it is one."""
    path = getattr(store, "db_path", None)
    return path if isinstance(path, str) else None


def _own_stores(flow_class: type[Flow[Any]]) -> Iterable[object]:
    """Return what the class names, as crewAI looks for it: its field, then ``@persist``."""
    yield flow_class.model_fields["persistence"].get_default(call_default_factory=True)
    yield getattr(getattr(flow_class, "__flow_persistence_config__", None), "persistence", None)


def _names_of(store: FlowPersistence) -> tuple[str | None, ...]:
    """Return what a question may call the store; only our own path is looked at on disk."""
    path = database_of(store)
    return (None,) if path is None else (path, os.path.abspath(path), os.path.realpath(path))


def _elsewhere(pause: Pause, permitted: Iterable[FlowPersistence]) -> str:
    named = _said(pause.persistence)
    known = ", ".join(_said(database_of(store)) for store in permitted)
    return (
        f"the question says that its flow is stored in {named}; this call knows only {known}."
        " What a log says is never opened by itself: if you know that database to be yours,"
        " pass it as persistence="
    )


def _said(path: str | None) -> str:
    return "no file" if path is None else repr(path[:_SHOWN_CHARS])


def _digest(question: HumanInputRequired) -> str:
    """Return a digest of all that decides what an answer means."""
    asked = (
        question.request_id,
        question.execution_id,
        question.kind,
        question.prompt,
        question.context,
        question.response,
        question.pause,
        None if question.expires_at is None else question.expires_at.timestamp(),
    )
    as_logged = msgspec.json.decode(msgspec.json.encode(asked))
    return hashlib.sha256(msgspec.json.encode(as_logged, order="sorted")).hexdigest()
