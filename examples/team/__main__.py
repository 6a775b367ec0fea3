"""The demo of a team: ``python -m examples.team``.

``make demo-team`` starts a team's servers and a crew, prints the addresses of two people's
inboxes, and runs until Ctrl-C. ``make demo-team HEADLESS=1`` plays both people through the public
API, kills a server in between, prints what happens, and ends with 0 only if each question got one
answer and the crew finished.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TypeVar

from crewai_hitl_nb.client.results import Request
from crewai_hitl_nb.protocol.errors import AlreadyAnswered
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from examples.team.programs import DemoError
from examples.team.servers import Team, team

LIMIT_SECONDS = 180
PORT = 8000
FEEDBACK = {
    "Ana": "Shorter, and start with the cost.",
    "Ben": "Name the tables that failed.",
}

T = TypeVar("T")


class Steps:
    """Prints steps with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one step; further lines are indented below it."""
        head, *more = text.strip().splitlines() or [""]
        print(f"[{time.monotonic() - self._began:5.1f} s] {head}", flush=True)
        for line in more:
            print(f"          {line}".rstrip(), flush=True)


def play(team: Team, steps: Steps) -> None:
    """Let a crew ask, kill its server, and let two people answer.

    Raises:
        DemoError: A promise was broken; the message names it.
    """
    with team.client("Ana") as ana, team.crew() as crew:
        question = until(lambda: first(ana.pending()))
        steps.say(f"The crew asks: {question.prompt}\n{draft_of(question)}")
        killed = until(lambda: first([one for one in team.replicas if one.websockets()]))
        killed.kill()
        steps.say(f"Killed with SIGKILL: {killed.name}, to which the crew was connected")
        winner, loser = race(team, question, steps)
        draft = until(lambda: first(ana.pending()))
        if FEEDBACK[winner] not in draft.context:
            raise DemoError("the crew did not get the feedback")
        steps.say(f"The crew follows the feedback and asks again:\n{draft_of(draft)}")
        with team.client(loser) as client:
            client.answer(draft.request_id, decision="approve")
        steps.say(f"{loser} accepts")
        steps.say(f"The crew has finished:\n{crew.result()}")
    compare(team, [winner, loser], steps)
    steps.say("Done: one answer for each question, and nothing was lost with the server.")


def draft_of(question: Request) -> str:
    """Return what the crew wrote, without what its context has besides."""
    return question.context.partition("\n---")[0]


def race(team: Team, question: Request, steps: Steps) -> tuple[str, str]:
    """Let both people answer at the same moment; return who won and who lost.

    Raises:
        DemoError: Both answers were accepted, or neither.
    """

    def answer(name: str) -> AlreadyAnswered | None:
        with team.client(name) as client:
            try:
                client.answer(question.request_id, FEEDBACK[name])
            except AlreadyAnswered as error:
                return error
        return None

    steps.say(f"{' and '.join(FEEDBACK)} answer at the same moment, through the load balancer")
    with ThreadPoolExecutor(len(FEEDBACK)) as pool:
        refusals = dict(zip(FEEDBACK, pool.map(answer, FEEDBACK), strict=True))
    accepted = [name for name, refusal in refusals.items() if refusal is None]
    if len(accepted) != 1:
        raise DemoError(f"{len(accepted)} answers were accepted")
    steps.say(f"{accepted[0]}'s answer is accepted: {FEEDBACK[accepted[0]]}")
    ((loser, refusal),) = ((name, one) for name, one in refusals.items() if one is not None)
    steps.say(f"{loser}'s answer gets {refusal.status} {refusal.code}: {refusal.message}")
    return accepted[0], loser


def compare(team: Team, answerers: list[str], steps: Steps) -> None:
    """Ask each server that is left who answered what.

    Raises:
        DemoError: A server does not know it.
    """
    for replica in team.replicas:
        if replica.has_ended:
            continue
        with team.client("Ana", replica.url) as client:
            said = [answerer(request) for request in client.requests(status="answered")]
        steps.say(f"Answered, says {replica.name}: by {', then by '.join(said)}")
        if said != answerers:
            raise DemoError(f"{replica.name} does not have the answers of {answerers}")


def answerer(request: Request) -> str:
    """Return who answered a request."""
    assert isinstance(request.completion, HumanInputCompleted)
    assert request.completion.answered_by is not None
    return request.completion.answered_by.name


def serve(team: Team, steps: Steps) -> None:
    """Print where two people may answer, and run until Ctrl-C.

    A server that somebody kills is started again, and so is the crew when it has finished.
    """
    servers = "\n".join(f"  {one.name}: kill -9 {one.pid}" for one in team.replicas)
    steps.say(
        f"""Three servers share a PostgreSQL log behind HAProxy at {team.url}

Ana's inbox: {team.inbox("Ana", "127.0.0.1")}
Ben's inbox: {team.inbox("Ben", "localhost")}
(The host names differ so that one browser can be logged in as both.)

Open both pages beside each other, and try:
- answer on one page, and watch the other;
- write on both pages and send one: the other page shows that answer and keeps the text;
- kill a server while the crew waits, and answer:
{servers}

Their logs are in {team.scratch}. Ctrl-C ends everything."""
    )
    while True:
        with team.crew() as crew:
            steps.say("A crew starts; it asks in a few seconds")
            while not crew.has_ended:
                for replica in [one for one in team.replicas if one.has_ended]:
                    replica.start()
                    steps.say(f"{replica.name} was ended and starts again: kill -9 {replica.pid}")
                time.sleep(0.2)
            steps.say(f"The crew has finished:\n{crew.result()}")


def until(look: Callable[[], T | None]) -> T:
    """Return what is found as soon as something is found; :func:`give_up` bounds the wait."""
    while (found := look()) is None:
        time.sleep(0.1)
    return found


def first(found: list[T]) -> T | None:
    """Return the first of these, if there is one."""
    return next(iter(found), None)


def give_up(number: int, frame: FrameType | None) -> None:
    """Handle the alarm.

    Raises:
        DemoError: Always.
    """
    raise DemoError(f"no end within {LIMIT_SECONDS} s")


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle the first Ctrl-C or SIGTERM; others are ignored while everything ends.

    Raises:
        KeyboardInterrupt: Always.
    """
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo and return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.team", description=_summary())
    parser.add_argument("--headless", action="store_true", help="play both people, then end")
    headless = parser.parse_args().headless
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, interrupt)
    steps = Steps()
    steps.say("PostgreSQL, three servers and HAProxy start")
    try:
        if headless:
            signal.signal(signal.SIGALRM, give_up)
            signal.alarm(LIMIT_SECONDS)
        with (
            tempfile.TemporaryDirectory(prefix="hitl-team-") as scratch,
            team(Path(scratch), 0 if headless else PORT) as running,
        ):
            (play if headless else serve)(running, steps)
    except DemoError as error:
        steps.say(f"Failed: {error}")
        return 1
    except KeyboardInterrupt:
        steps.say("Everything has ended.")
        return 130 if headless else 0
    return 0


def _summary() -> str:
    return (__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
