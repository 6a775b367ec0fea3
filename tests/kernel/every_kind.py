"""Every kind of question, side by side: the code of a kernel that asks all of them.

Each kind leaves a mark in `reached` by what may only run after an acceptance, and in `calls`
whenever a model is called, so that a test sees what a crew took for one and whether crewAI ran
an agent again.
"""

KIND_OF = {
    "kickoff": "task_feedback",
    "kickoff_async": "task_feedback",
    "akickoff": "task_feedback",
    "train": "training_feedback",
    "flow_feedback": "flow_feedback",
    "flow_outcome": "flow_feedback",
    "flow_ask": "question",
    "tool": "tool_approval",
    "model": "llm_approval",
    "ask": "question",
    "ask_tool": "question",
}
"""The ways to be asked, and the kind on the wire."""

EVERY_KIND = """\
import asyncio, inspect, json, os, tempfile, threading
import crewai_hitl_nb as hitl
from crewai import Agent, Crew, Task
from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback
from crewai.hooks import InterceptionPoint, register_hook, unregister_hook
from crewai.tools import BaseTool
from scripted_llm import ScriptedLLM

calls, reached, outcomes = [], [], {}

class CountedLLM(ScriptedLLM):
    owner: str = ""
    action: str = ""

    def call(self, *args, **kwargs):
        calls.append(self.owner)
        if self.action and calls.count(self.owner) == 1:
            return "Thought: I use it.\\n" + self.action
        return super().call(*args, **kwargs)

def crew(name, human_input=True, tools=(), action=""):
    llm = CountedLLM(model="scripted", owner=name, action=action)
    agent = Agent(role=name, goal="g", backstory="b", llm=llm, tools=list(tools))
    task = Task(name=name, description=f"Note of {name}", expected_output="A note",
                agent=agent, human_input=human_input,
                callback=lambda output: name in ("tool", "train") or reached.append(name))
    return Crew(name=name, agents=[agent], tasks=[task])

class FlowFeedback(Flow):
    name = "flow_feedback"

    @start()
    @human_feedback(message="Good?")
    def write(self):
        return "# Dear reader"

    @listen(write)
    def send(self, review):
        reached.append("flow_feedback")

class FlowOutcome(Flow):
    name = "flow_outcome"

    @start()
    @human_feedback(message="Publish?", emit=["publish", "revise"], llm="anthropic/none")
    def write(self):
        return "Tea"

    @listen("publish")
    def send_out(self, review):
        reached.append("flow_outcome")

    @listen("revise")
    def write_again(self, review):
        reached.append("flow_outcome")

class FlowAsk(Flow):
    name = "flow_ask"

    @start()
    def begin(self):
        said = self.ask("What about?")
        reached.append("flow_ask")
        return said

class Delete(BaseTool):
    name: str = "delete_file"
    description: str = "Deletes"

    def _run(self, path: str) -> str:
        reached.append("tool")
        return "deleted"

hitl.approve_tools(["delete_*"])

def allow(context):
    if context.agent.role == "model" and context.request_human_input("Call the model?") == "":
        return None
    return False if context.agent.role == "model" else None

if "kept" in globals():  # this kernel ran other tests before, which may have cleared all hooks
    unregister_hook(InterceptionPoint.PRE_MODEL_CALL, kept)
kept = allow
register_hook(InterceptionPoint.PRE_MODEL_CALL, kept)

def train():
    os.chdir(tempfile.mkdtemp())  # training writes files beside the one that it is told
    crew("train", human_input=False).train(n_iterations=1, filename="trained.pkl")
    reached.append("train")

def ask():
    said = hitl.ask("What now?")
    reached.append("ask")
    return said

KINDS = {
    "kickoff": lambda: crew("kickoff").kickoff(),
    "kickoff_async": lambda: crew("kickoff_async").kickoff_async(),
    "akickoff": lambda: crew("akickoff").akickoff(),
    "train": train,
    "flow_feedback": lambda: FlowFeedback().kickoff(),
    "flow_outcome": lambda: FlowOutcome().kickoff(),
    "flow_ask": lambda: FlowAsk().kickoff(),
    "tool": lambda: crew("tool", False, [Delete()],
        'Action: delete_file\\nAction Input: {"path": "a"}').kickoff(),
    "model": lambda: crew("model", False).kickoff(),
    "ask": ask,
    "ask_tool": lambda: crew("ask_tool", False, [hitl.AskHumanTool()],
        'Action: ask_a_human\\nAction Input: {"question": "Which?"}').kickoff(),
}

def run_one(name):
    try:
        value = KINDS[name]()
        outcomes[name] = ["", str(asyncio.run(value) if inspect.iscoroutine(value) else value)]
    except BaseException as error:
        outcomes[name] = [type(error).__name__, str(error)]

def forget():
    for seen in (calls, reached, outcomes):
        seen.clear()

def run_all():
    threads = [threading.Thread(target=run_one, args=[name], daemon=True) for name in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def told():
    print("TOLD" + json.dumps([outcomes, reached, calls]))
"""
