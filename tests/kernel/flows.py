"""The flows that these tests run in kernels and scripts, on crewAI's own classes."""

FLOWS = """\
import asyncio, threading
import crewai_hitl_nb as hitl
from crewai.flow.flow import Flow, listen, router, start
from crewai.flow.human_feedback import human_feedback

reached = []  # what ran after a question: the marker of an acceptance

class Review(Flow):
    name = "Letters"

    @start()
    @human_feedback(message="Is this letter good?")
    def write(self):
        return "# Dear reader"

    @listen(write)
    def send(self, review):
        reached.append(review.feedback)
        return f"sent with {review.feedback!r}"

class Choice(Flow):
    # A model that cannot be made here: its package is missing.
    @start()
    @human_feedback(
        message="Publish?", emit=["publish", "revise"], llm="anthropic/none", metadata={"desk": 4}
    )
    def write(self):
        return {"title": "Tea"}

    @listen("publish")
    def send_out(self, review):
        reached.append("publish")
        return ("published", review.feedback, review.output)

    @listen("revise")
    def write_again(self, review):
        reached.append("revise")
        return ("revised", review.feedback, review.output)

class Skippable(Flow):
    @start()
    @human_feedback(message="Publish?", emit=["publish", "revise"], default_outcome="revise")
    async def write(self):
        return "Tea"

    @listen("publish")
    def send_out(self, review):
        reached.append("publish")
        return ("published", review.feedback, review.outcome)

    @listen("revise")
    def write_again(self, review):
        reached.append("revise")
        return ("revised", review.feedback, review.outcome)

class Asks(Flow):
    timeout: float | None = None
    metadata: dict | None = None

    @start()
    def begin(self):
        said = self.ask("What about?", timeout=self.timeout, metadata=self.metadata)
        reached.append(said)
        return f"said {said!r}"

class AsksOnItsLoop(Flow):
    @start()
    async def begin(self):
        said = self.ask("What about?")
        reached.append(said)
        return f"said {said!r}"
"""

ENABLE_FLOWS = f"{FLOWS}\nhitl.enable()\n"

KICKOFFS = ("{}.kickoff()", "await {}.kickoff_async()", "await {}.akickoff()")
"""The three ways to run a flow in a cell."""


def kicked_off(how: str, flow: str) -> str:
    """Return a cell that runs a flow in one of these ways and prints what it returned."""
    return f"reached.clear()\nprint({how.format(flow)})"
