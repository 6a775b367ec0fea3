"""`crewai-hitl watch`: every event once, in order, across whatever happens to the server."""

import signal
from contextlib import ExitStack
from pathlib import Path

from crewai_hitl_nb.client import Client
from tests.cli.command import PATIENCE_SECONDS, Commands, clean_env, running
from tests.cli.conftest import Asks
from tests.events import other
from tests.jupyter_process import free_port


def test_events_are_json_lines_in_order_until_ctrl_c(
    env: dict[str, str], ask: Asks, client: Client
) -> None:
    question = ask()
    with running("watch", "--execution", f"run-{question}", "--json", env=env) as watch:
        assert watch.json()["request_id"] == question  # asked before it watched
        assert watch.err.next().startswith("watching ")
        client.claim(question)
        client.answer(question, "Shorter\x9b")
        seen = [watch.json() for _ in range(2)]
        assert [event["type"] for event in seen] == ["human_input_claimed", "human_input_completed"]
        assert seen[1]["human_feedback"] == "Shorter\x9b"
        assert watch.end() == 0
        assert watch.out.rest() == []


def test_an_event_of_a_type_that_nobody_knows_passes_through_as_it_came(
    env: dict[str, str], client: Client
) -> None:
    client.publish(other("tide", height={"m": 3}), other("weather"))
    with running("watch", "--type", "tide", "--replay", "all", "--json", env=env) as watch:
        assert watch.json()["height"] == {"m": 3}


def test_for_people_an_event_is_one_line(env: dict[str, str], ask: Asks) -> None:
    question = ask(prompt="Is this\ngood?", source={"agent_role": "Writer"})
    with running("watch", "--execution", f"run-{question}", env=env) as watch:
        assert watch.out.next().endswith(f"asked      {question}  Writer: Is this good?")


def test_watching_goes_on_after_a_restart_of_the_server_with_nothing_missed_or_repeated(
    tmp_path: Path,
) -> None:
    port = str(free_port())
    env = clean_env(tmp_path, CREWAI_HITL_URL=f"http://127.0.0.1:{port}/")
    serve = ("serve", "--port", port, "--store", str(tmp_path / "events.db"))

    def publish(*names: str) -> None:
        with Client(env["CREWAI_HITL_URL"]) as client:
            client.publish(*(other("note", event_id=name) for name in names))

    with running(*serve, env=env) as server, ExitStack() as later:
        server.out.next()
        publish("one")
        watch = later.enter_context(running("watch", "--replay", "all", "--json", env=env))
        assert watch.json()["event_id"] == "one"
        watch.process.send_signal(signal.SIGSTOP)  # it sleeps through all of this:
        server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        again = later.enter_context(running(*serve, env=env))
        again.out.next()
        publish("two", "three")
        watch.process.send_signal(signal.SIGCONT)
        assert [watch.json()["event_id"] for _ in range(2)] == ["two", "three"]
        assert watch.end() == 0
        assert any("reconnecting" in line for line in watch.err.rest())

        resumed = later.enter_context(running("watch", "--last-event-id", "two", env=env))
        assert resumed.out.next().endswith("note")
        assert resumed.err.next().startswith("watching ")
        assert resumed.end() == 0
        assert resumed.out.rest() == []
        lost = later.enter_context(running("watch", "--last-event-id", "?", "--json", env=env))
        assert lost.json()["type"] == "gap"
        assert [lost.json()["event_id"] for _ in range(3)] == ["one", "two", "three"]


def test_a_server_that_is_not_there_at_the_start_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    result = Commands(clean_env(tmp_path, CREWAI_HITL_URL=url))("watch")
    assert result.exit_code == 3
    assert url in result.stderr
