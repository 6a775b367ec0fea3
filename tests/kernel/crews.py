"""The cells that these tests run: real crews on the scripted model."""

CREW = """\
import crewai_hitl_nb as hitl
from crewai import Agent, Crew, Task
from scripted_llm import ScriptedLLM

def make_crew(description="A note on tea", **task):
    llm = ScriptedLLM(model="scripted")
    agent = Agent(role="Writer", goal="Be brief", backstory="Writes", llm=llm)
    task = Task(
        name="note",
        description=description,
        expected_output="A short note",
        agent=agent,
        human_input=True,
        **task,
    )
    return Crew(name="Notes", agents=[agent], tasks=[task])
"""

ENABLE = CREW + "\nhitl.enable()\n"

KICKOFF = "print(make_crew().kickoff())"
KICKOFF_ASYNC = "print(await make_crew().kickoff_async())"
AKICKOFF = "print(await make_crew().akickoff())"
EVERY_KICKOFF = (KICKOFF, KICKOFF_ASYNC, AKICKOFF)
"""The three ways to run a crew in a cell."""
