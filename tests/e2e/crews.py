"""The cells that the browser tests run: a real crew on the scripted model.

The kernel finds `scripted_llm` on its PYTHONPATH, beside the quickstart notebook.
"""

CREW = """\
import crewai_hitl_nb as hitl
from crewai import Agent, Crew, Task
from scripted_llm import ScriptedLLM

hitl.enable()

class NotedLLM(ScriptedLLM):
    def call(self, *args, **kwargs):
        note("model called")
        text = super().call(*args, **kwargs)
        note("model answered")
        return text

def make_crew(description="A note on pair programming", name="Notes"):
    agent = Agent(role="Writer", goal="Be brief", backstory="Writes", llm=NotedLLM(model="noted"))
    task = Task(
        name="note",
        description=description,
        expected_output="A short note",
        agent=agent,
        human_input=True,
    )
    return Crew(name=name, agents=[agent], tasks=[task])
"""

KICKOFF = """\
result = make_crew().kickoff()
note("finished", result)
print("The crew went on.")
"""

INTERRUPTIBLE = """\
try:
    make_crew().kickoff()
except KeyboardInterrupt:
    note("interrupted")
    raise
note("finished")
"""

INBOX = """\
import crewai_hitl_nb as hitl

hitl.inbox()
"""
