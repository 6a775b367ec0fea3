"""Pauses a flow durably: stores it, asks its question, then ends its run.

The question names no process that waits, so it stays open when this process ends. The question and
crewAI's stored record refer to each other: the question says where the flow is stored, and the
record's ``metadata`` says which question the flow waits for. ``public/resume_pending.py`` continues
from there. This module uses ``flows/stored_flow.py``, ``flows/question.py`` and ``asking.py``;
``flows/feedback.py`` uses it.
"""

import os
import threading
from typing import Any, Final, NoReturn

import msgspec
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.persistence.base import FlowPersistence
from crewai.flow.persistence.factory import default_flow_persistence
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.asking import Asker, NotAnswered
from crewai_hitl_nb.kernel.flows.events import emit_requested
from crewai_hitl_nb.kernel.flows.outcome import REQUEST_KEY
from crewai_hitl_nb.kernel.flows.question import feedback_question, shown_output
from crewai_hitl_nb.kernel.flows.stored_flow import database_of, note_question, waits_for
from crewai_hitl_nb.kernel.questions.rendering import Rendered
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.protocol.events import HumanInputRequired, Pause

_storing: Final = threading.Lock()
"""Steps of one flow may pause at the same time; only one at a time may check and store."""


def pause(asker: Asker, context: PendingFeedbackContext, flow: Flow[Any]) -> NoReturn:
    """Store the flow, ask its question, and end its run.

    Raises:
        HumanFeedbackPending: The flow is paused; crewAI returns it to the caller.
        NotAnswered: The question could not be asked, or the run was stopped meanwhile.
    """
    store = flow.persistence or default_flow_persistence()
    flow.persistence = store  # as crewAI itself does when a flow pauses
    shown = shown_output(context.method_output)
    # Before the flow is stored: a file that cannot be uploaded changes what is asked.
    question = asker.prepared(_question(asker, context, shown, flow, store), shown.files)
    note_question(context, question)
    with _storing:
        replaced = _replaceable(store, context)
        state = flow._state if isinstance(flow._state, dict) else flow._state.model_dump()
        store.save_pending_feedback(context.flow_id, context, state)
    if replaced is not None:
        asker.bridge.retract(replaced)
    try:
        emit_requested(flow, context, question)
        asker.leave(question, flow)
    except BaseException:
        if waits_for(store, context.flow_id, question.request_id):
            store.clear_pending_feedback(context.flow_id)
        raise
    raise HumanFeedbackPending(
        context=context,
        callback_info={"request_id": question.request_id, "url": asker.bridge.endpoint.url},
    )


def _replaceable(store: FlowPersistence, context: PendingFeedbackContext) -> str | None:
    """Return the question that the flow was stored with in an earlier run, if any.

    Raises:
        NotAnswered: In this run the flow was already stored with another question.
    """
    loaded = store.load_pending_feedback(context.flow_id)
    if loaded is None or REQUEST_KEY not in loaded[1].metadata:
        return None
    if context.execution_uuid is not None and loaded[1].execution_uuid == context.execution_uuid:
        run = current_run()
        if run is not None:
            run.stop("run_failed")  # withdraws the other step's question if it is not paused yet
        raise NotAnswered(
            f"{context.method_name} cannot pause, because the flow already pauses at"
            f" {loaded[1].method_name} and crewAI stores only one pause of a flow",
            "refused",
        )
    return str(loaded[1].metadata[REQUEST_KEY])


def _question(
    asker: Asker,
    context: PendingFeedbackContext,
    shown: Rendered,
    flow: Flow[Any],
    store: FlowPersistence,
) -> HumanInputRequired:
    question = feedback_question(context, shown, flow, asker.waiter, asker.terms)
    database = database_of(store)
    return msgspec.structs.replace(
        question,
        source=msgspec.structs.replace(question.source, id=None),
        pause=Pause(
            flow_id=context.flow_id,
            flow_class=context.flow_class,
            persistence=None if database is None else os.path.abspath(database),
        ),
    )
