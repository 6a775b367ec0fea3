"""Lets people answer crewAI crews from notebooks: human input as a durable, live event stream.

Each public name is imported when it is first used, so ``import crewai_hitl_nb`` is fast and
imports neither crewAI nor a server. The package has two halves, which may live in different
environments: the server half (``server``, ``broker``, ``store``) and the kernel half
(``kernel``, ``widget``, ``client``). Both build on ``protocol``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crewai_hitl_nb.tracebacks import short_traceback

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from crewai_hitl_nb.client import AsyncClient, Client
    from crewai_hitl_nb.client.history import history
    from crewai_hitl_nb.in_process_server import HumanInputServer
    from crewai_hitl_nb.kernel import disable, enable
    from crewai_hitl_nb.kernel.ask.row_decisions import RowDecision
    from crewai_hitl_nb.kernel.asking import NotAnswered
    from crewai_hitl_nb.kernel.crewai_events import (
        HumanInputCompletedEvent,
        HumanInputRequiredEvent,
    )
    from crewai_hitl_nb.kernel.files import Accept, File
    from crewai_hitl_nb.kernel.public.approve_tools import approve_tools
    from crewai_hitl_nb.kernel.public.ask import ask, ask_async
    from crewai_hitl_nb.kernel.public.durable_feedback import DurableFeedback
    from crewai_hitl_nb.kernel.public.human_tool import AskHumanTool
    from crewai_hitl_nb.kernel.public.resume_pending import resume_pending, resume_pending_async
    from crewai_hitl_nb.kernel.public.start import start
    from crewai_hitl_nb.kernel.questions.annotations import annotate
    from crewai_hitl_nb.kernel.started.started_run import StartedRun
    from crewai_hitl_nb.nested import allow_nested_loops
    from crewai_hitl_nb.widget import inbox

__version__ = "0.1.0"

__all__ = [
    "Accept",
    "AskHumanTool",
    "AsyncClient",
    "Client",
    "DurableFeedback",
    "File",
    "HumanInputCompletedEvent",
    "HumanInputRequiredEvent",
    "HumanInputServer",
    "NotAnswered",
    "RowDecision",
    "StartedRun",
    "allow_nested_loops",
    "annotate",
    "approve_tools",
    "ask",
    "ask_async",
    "disable",
    "enable",
    "history",
    "inbox",
    "resume_pending",
    "resume_pending_async",
    "start",
]

_HOMES = {
    "Accept": "crewai_hitl_nb.kernel.files",
    "AskHumanTool": "crewai_hitl_nb.kernel.public.human_tool",
    "AsyncClient": "crewai_hitl_nb.client",
    "Client": "crewai_hitl_nb.client",
    "DurableFeedback": "crewai_hitl_nb.kernel.public.durable_feedback",
    "File": "crewai_hitl_nb.kernel.files",
    "HumanInputCompletedEvent": "crewai_hitl_nb.kernel.crewai_events",
    "HumanInputRequiredEvent": "crewai_hitl_nb.kernel.crewai_events",
    "HumanInputServer": "crewai_hitl_nb.in_process_server",
    "NotAnswered": "crewai_hitl_nb.kernel.asking",
    "RowDecision": "crewai_hitl_nb.kernel.ask.row_decisions",
    "StartedRun": "crewai_hitl_nb.kernel.started.started_run",
    "allow_nested_loops": "crewai_hitl_nb.nested",
    "annotate": "crewai_hitl_nb.kernel.questions.annotations",
    "approve_tools": "crewai_hitl_nb.kernel.public.approve_tools",
    "ask": "crewai_hitl_nb.kernel.public.ask",
    "ask_async": "crewai_hitl_nb.kernel.public.ask",
    "disable": "crewai_hitl_nb.kernel",
    "enable": "crewai_hitl_nb.kernel",
    "history": "crewai_hitl_nb.client.history",
    "inbox": "crewai_hitl_nb.widget",
    "resume_pending": "crewai_hitl_nb.kernel.public.resume_pending",
    "resume_pending_async": "crewai_hitl_nb.kernel.public.resume_pending",
    "start": "crewai_hitl_nb.kernel.public.start",
}


_imported = short_traceback(import_module)


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_imported(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Enable the bridge: ``%load_ext crewai_hitl_nb`` does the same as ``enable()``."""
    from IPython.core.error import UsageError

    from crewai_hitl_nb.crewai_needed import CrewaiMissing, require_crewai

    try:
        require_crewai()
    except CrewaiMissing as error:
        raise UsageError(str(error)) from None  # IPython shows its message alone
    from crewai_hitl_nb.kernel import enable

    enable()


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Disable the bridge: ``%unload_ext crewai_hitl_nb`` does the same as ``disable()``."""
    from crewai_hitl_nb.kernel import disable

    disable()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return the server extension, which Jupyter servers look up by this function."""
    from crewai_hitl_nb.server.extension import HumanInputApp

    return [{"module": "crewai_hitl_nb", "app": HumanInputApp}]
