"""A colleague who answers what a notebook asks, as somebody with a script would.

A notebook that runs without a person in front of it (under nbval, or for the documentation)
needs somebody who answers. What they say is in the notebook's own metadata, so that a
notebook and its answers cannot drift apart:

    "metadata": {"answers": [{"human_feedback": "Shorter, please"}, {"human_feedback": ""}]}

Each answer has the arguments of :meth:`crewai_hitl_nb.Client.answer` and goes to the next
question that is asked; with ``"to"`` only to a question whose prompt, context or asker has that
text in it, which is for notebooks that ask several things at once. This file uses the public
client and nothing else, and knows neither the notebooks nor who runs them.
"""

import json
import threading
from pathlib import Path
from typing import Any

import crewai_hitl_nb as hitl
from crewai_hitl_nb.protocol.events import HumanInputRequired

Answer = dict[str, Any]


def answers_of(notebook: Path) -> list[Answer]:
    """Return the answers in a notebook's metadata."""
    answers: list[Answer] = json.loads(notebook.read_text())["metadata"].get("answers", [])
    return answers


class Colleague:
    """Answers questions on a thread of its own until every answer is given.

    Attributes:
        left: the answers that nobody has asked for yet.
    """

    def __init__(self, url: str, token: str, answers: list[Answer]) -> None:
        self.left = list(answers)
        self._address = (url, token)
        self._thread = threading.Thread(target=self._answer_all, name="colleague", daemon=True)

    def start(self) -> None:
        """Begin to listen; what is pending already is answered, too."""
        self._thread.start()

    def _answer_all(self) -> None:
        if not self.left:
            return
        with hitl.Client(*self._address) as client:
            for event in client.events(types=["human_input_required"]):
                if not isinstance(event, HumanInputRequired):
                    continue
                answer = self._answer_to(event)
                if answer is not None:
                    client.answer(event.request_id, **{k: answer[k] for k in answer if k != "to"})
                if not self.left:
                    return

    def _answer_to(self, question: HumanInputRequired) -> Answer | None:
        """Take the first answer that is meant for a question; None: it is for somebody else."""
        seen = "\n".join(
            str(text)
            for text in (
                question.prompt,
                question.context,
                question.source.crew_name,
                question.source.flow_name,
                question.source.task_name,
            )
        )
        for number, answer in enumerate(self.left):
            if answer.get("to", "") in seen:
                return self.left.pop(number)
        return None
