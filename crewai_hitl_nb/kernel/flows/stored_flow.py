"""Finds the store of a paused flow, and proves that a question belongs to the flow.

The log contains what any publisher wrote, so it decides nothing here. Only the stores that the
caller, the flow's class or crewAI's default names are used; the path in a question is compared with
theirs, as text, to choose among them. The stored record then proves the question: it has the id of
the question that the flow asked, and a digest of its content. So nobody else can ask in the flow's
place, with other terms or another default. ``flows/pause.py`` and ``public/resume_pending.py`` use
it; it uses crewAI's stores.
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
"""The key of the question's digest in the stored record of a paused flow."""

_SHOWN_CHARS: Final = 200


def flow_classes(name: str, given: object) -> tuple[type[Flow[Any]], ...]:
    """Return the flow classes that a caller gave, one or several.

    Raises:
        WrongArgument: One is something else, such as a flow instead of its class.
    """
    classes = (given,) if isinstance(given, type) else several(name, "flow classes", given)
    for one in classes:
        if not (isinstance(one, type) and issubclass(one, Flow)):
            hint = f" (give its class: {type(one).__name__})" if isinstance(one, Flow) else ""
            raise WrongArgument(name, f"one or several flow classes{hint}", one)
    return classes


class StoredElsewhere(LookupError):
    """A question names a store that neither the caller, the class nor crewAI's default names."""


class NotItsQuestion(LookupError):
    """The stored flow did not ask this question, or did not allow this answer."""


class Stores:
    """The stores that one call of ``resume_pending()`` may open.

    Args:
        given: The caller's store, which is then the only one.
    """

    def __init__(self, given: FlowPersistence | None) -> None:
        self._given = given
        self._of_class: dict[type[Flow[Any]], tuple[FlowPersistence, ...]] = {}

    def holding(
        self, pause: Pause, flow_class: type[Flow[Any]], request_id: str
    ) -> FlowPersistence:
        """Return the store that should hold the flow.

        Raises:
            StoredElsewhere: The question names a store that may not be opened.
        """
        if self._given is not None and waits_for(self._given, pause.flow_id, request_id):
            return self._given  # the record counts, not the path: the database may have been moved
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
    """Write the id and the digest of the flow's question into the record before it is stored."""
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
    """Make sure that the stored flow asked exactly this question.

    A record from an earlier version has no digest. Such a flow is not resumed with a default
    answer, because nobody gave that answer.

    Raises:
        NotItsQuestion: The flow did not ask it.
    """
    digest = context.metadata.get(DIGEST_KEY)
    if digest is None:
        by = completion.answered_by if isinstance(completion, HumanInputCompleted) else None
        if by is None or by.via != "default":
            return
        raise NotItsQuestion(
            "the flow was stored by an earlier version, which did not record its question, so the"
            " default answer of this question is not used. Resume the flow by hand with"
            f" {context.flow_class.split('.')[-1]}.from_pending(...) and resume(...)"
        )
    if digest != _digest(question):
        raise NotItsQuestion(
            "the question in the log is not the one that the stored flow asked: somebody else"
            " published it, and its answer is not used. Resume the flow by hand with"
            f" {context.flow_class.split('.')[-1]}.from_pending(...) and resume(...)"
        )


def database_of(store: FlowPersistence) -> str | None:
    """Return the path of the store's database file, if it has one."""
    path = getattr(store, "db_path", None)
    return path if isinstance(path, str) else None


def _own_stores(flow_class: type[Flow[Any]]) -> Iterable[object]:
    """Return the stores of the class, where crewAI looks for them: its field, then ``@persist``."""
    yield flow_class.model_fields["persistence"].get_default(call_default_factory=True)
    yield getattr(getattr(flow_class, "__flow_persistence_config__", None), "persistence", None)


def _names_of(store: FlowPersistence) -> tuple[str | None, ...]:
    """Return the names that a question may use for the store; only our own path is resolved."""
    path = database_of(store)
    return (None,) if path is None else (path, os.path.abspath(path), os.path.realpath(path))


def _elsewhere(pause: Pause, permitted: Iterable[FlowPersistence]) -> str:
    named = _quoted(pause.persistence)
    known = ", ".join(_quoted(database_of(store)) for store in permitted)
    return (
        f"the question says that its flow is stored in {named}, but this call may only use"
        f" {known}. A database is never opened just because a log names it. If that database is"
        " yours, pass it as persistence="
    )


def _quoted(path: str | None) -> str:
    return "no file" if path is None else repr(path[:_SHOWN_CHARS])


def _digest(question: HumanInputRequired) -> str:
    """Return a digest of everything that determines what an answer means."""
    asked = (
        question.request_id,
        question.execution_id,
        question.kind,
        question.prompt,
        question.context,
        question.response,
        question.pause,
        None if question.expires_at is None else question.expires_at.timestamp(),
        *([question.attachments] if question.attachments else []),  # flows stored before had none
    )
    as_logged = msgspec.json.decode(msgspec.json.encode(asked))
    return hashlib.sha256(msgspec.json.encode(as_logged, order="sorted")).hexdigest()
