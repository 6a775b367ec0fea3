"""The event-streaming guide's integration example: a server and a crew in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.jupyter_process import REPOSITORY, free_port, scratch_env

EXAMPLE = """
import threading
from crewai import Agent, Crew, Task
from crewai_hitl_nb import HumanInputServer
from scripted_llm import ScriptedLLM

agent = Agent(role="Writer", goal="Be brief", backstory="Writes", llm=ScriptedLLM(model="s"))
task = Task(
    description="A note on tea",
    expected_output="A note",
    human_input=True,  # This enables human input
    agent=agent,
)
crew = Crew(agents=[agent], tasks=[task])

# Start event server (optional)
server = HumanInputServer(port={port})
server_thread = threading.Thread(target=server.start, daemon=True)
server_thread.start()

# Execute crew - events will be emitted automatically
result = crew.kickoff()
print("RESULT", result.raw)
"""


def test_a_crew_beside_the_server_asks_through_it_with_no_further_setup(tmp_path: Path) -> None:
    port = free_port()
    env = scratch_env(tmp_path)
    script = subprocess.Popen(
        [sys.executable, "-u", "-c", EXAMPLE.format(port=port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**env, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), env["PYTHONPATH"]])},
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/",
            transport=httpx.HTTPTransport(retries=10),
            timeout=70,
        ) as http:
            assert script.stderr is not None
            for line in script.stderr:  # it says where to answer once the question is asked
                if re.search("crewAI asks", line):
                    break
            wait = {"timeout": "60", "type": "human_input_required"}
            (asked,) = http.get("poll/human-input", params=wait).json()["events"]
            answer = {"human_feedback": "Mention milk"}
            http.post(f"requests/{asked['request_id']}/answer", json=answer).raise_for_status()
            wait["last_event_id"] = asked["event_id"]
            (again,) = http.get("poll/human-input", params=wait).json()["events"]
            assert again["round"] == 2
            http.post(f"requests/{again['request_id']}/answer", json={}).raise_for_status()
        out, _ = script.communicate(timeout=60)
    finally:
        script.kill()
    assert "RESULT" in out
    assert "milk" in out.split("RESULT")[1].lower()
