"""Print the protocol for other languages: ``python -m crewai_hitl_nb.protocol.export``.

Prints one JSON object: ``schema`` (JSON Schema definitions of every event, frame and body) and
``constants`` (close codes, limits, the transition table). ``js/`` generates ``gen.ts`` from it,
so the two languages cannot drift.
"""

import sys
from typing import Any

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import RETRY_STATUSES
from crewai_hitl_nb.protocol.escapes import HIDDEN
from crewai_hitl_nb.protocol.events import (
    KNOWN_TYPES,
    AnsweredBy,
    HumanInputRequired,
    Response,
    Source,
)
from crewai_hitl_nb.protocol.files import FILE, FileReference
from crewai_hitl_nb.protocol.frames import (
    Ack,
    AnswerFrame,
    CancelFrame,
    ClaimFrame,
    Gap,
    Heartbeat,
    PublishFrame,
)
from crewai_hitl_nb.protocol.rules import REVOKED_TYPE
from crewai_hitl_nb.protocol.runs import RUN_TRANSITIONS, RUN_TYPES, STEP_STATUS
from crewai_hitl_nb.protocol.state import CLOSING_TYPES, TRANSITIONS
from crewai_hitl_nb.protocol.surfaces import SURFACES


def export() -> dict[str, Any]:
    """Return the schema and the constants."""
    types = (
        *KNOWN_TYPES.values(),
        *RUN_TYPES.values(),
        Response,
        Source,
        AnsweredBy,
        FileReference,
        Answer,
        Heartbeat,
        Gap,
        Ack,
        PublishFrame,
        AnswerFrame,
        ClaimFrame,
        CancelFrame,
    )
    _, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    constants = {
        name: value
        for name, value in vars(limits).items()
        if name.isupper() and isinstance(value, int | float)
    }
    return {
        "schema": {"$defs": definitions},
        "constants": {
            **constants,
            "RETRY_STATUSES": list(RETRY_STATUSES),
            "EVENT_TYPES": list(KNOWN_TYPES),
            "OPENING_TYPE": str(HumanInputRequired.__struct_config__.tag),
            "TRANSITIONS": [
                [before, event, after] for (before, event), after in TRANSITIONS.items()
            ],
            "CLOSING_TYPES": list(CLOSING_TYPES),
            "REVOKED_TYPE": REVOKED_TYPE,
            "SURFACES": list(SURFACES),
            "RUN_TYPES": list(RUN_TYPES),
            "RUN_TRANSITIONS": [
                [before, event, after] for (before, event), after in RUN_TRANSITIONS.items()
            ],
            "STEP_STATUS": dict(STEP_STATUS),
            "FILE_MEDIA_TYPE": FILE,
            "HIDDEN": [list(span) for span in HIDDEN],
        },
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(export()), indent=2) + b"\n")
