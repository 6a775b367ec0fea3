"""Flows that pause durably, and what the tests of their pauses share."""

import json

DURABLE = """\
import json, os, pathlib, sqlite3
import crewai_hitl_nb as hitl
from crewai.execution import get_execution_uuid
from crewai.flow.async_feedback import HumanFeedbackPending
from crewai.flow.flow import Flow, listen, or_, start
from crewai.flow.human_feedback import human_feedback
from crewai.flow.persistence import SQLiteFlowPersistence

MARKS = pathlib.Path(os.environ["CREWAI_STORAGE_DIR"])
MARKS.mkdir(parents=True, exist_ok=True)

def mark(name, *words):
    with open(MARKS / name, "a") as marks:
        print(*words, file=marks)

class Letter(Flow):
    @start()
    @human_feedback(message="Send the letter?", emit=["send", "drop"], llm="anthropic/none")
    def write(self):
        mark(self.state["name"], "written", get_execution_uuid())
        return {"text": "Dear reader"}

    @listen("send")
    def send_it(self, review):
        mark(self.state["name"], "sent", get_execution_uuid())
        return f"sent {review.output['text']}, {review.feedback}"

    @listen("drop")
    def drop_it(self, review):
        mark(self.state["name"], "dropped")
        return "dropped"

class Fragile(Flow):
    @start()
    @human_feedback(message="Go on?")
    def write(self):
        return "x"

    @listen(write)
    def go_on(self, review):
        mark("fragile", "went on with", review.feedback)
        return "well"

    def __init__(self, **kwargs):
        if (MARKS / "broken").exists():
            raise RuntimeError("the flow's service is away")
        super().__init__(**kwargs)

class Loop(Flow):
    @start()
    def begin(self):
        return 0

    @listen(or_(begin, "again"))
    @human_feedback(message="Enough?", emit=["again", "enough"])
    def write(self, before):
        self.state["rounds"] = self.state.get("rounds", 0) + 1
        return self.state["rounds"]

    @listen("enough")
    def stop(self, review):
        return f"enough after {self.state['rounds']}"

def paused(flow, **inputs):
    result = flow.kickoff(inputs=inputs)
    assert isinstance(result, HumanFeedbackPending), result
    return result

def forget_all():
    with sqlite3.connect(SQLiteFlowPersistence().db_path) as database:
        database.execute("DELETE FROM pending_feedback")

def told(results):
    rows = [[r.request_id, r.status, str(r.result), type(r.error).__name__] for r in results]
    print("TOLD" + json.dumps(rows))
"""

ENABLE_DURABLE = f"{DURABLE}\nhitl.enable(durable_flows=True)\n"


def told(printed: str) -> list[list[str]]:
    """Return what `told` printed, among what crewAI's threads print before and after it."""
    rows, _ = json.JSONDecoder().raw_decode(printed.rpartition("TOLD")[2])
    return list(rows)
