"""A plain script whose crew asks a person: run it anywhere, answer it from anywhere.

``python report.py`` beside a running Jupyter server finds that server by itself; otherwise name
one in ``CREWAI_HITL_URL`` and ``CREWAI_HITL_TOKEN``. Without any, crewAI asks on the console.
"""

from crewai import Agent, Crew, Task
from scripted_llm import ScriptedLLM

import crewai_hitl_nb as hitl

hitl.enable()

writer = Agent(
    role="Reporter",
    goal="Say what happened in the night",
    backstory="You read the logs so that nobody else has to.",
    llm=ScriptedLLM(model="scripted"),  # or your model
)
report = Task(
    name="report",
    description="A report on last night's imports.",
    expected_output="A short report in Markdown.",
    agent=writer,
    human_input=True,
)
crew = Crew(name="Night shift", agents=[writer], tasks=[report])

if __name__ == "__main__":
    print(crew.kickoff())
