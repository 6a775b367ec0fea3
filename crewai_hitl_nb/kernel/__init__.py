"""The kernel half: connects the crews of this process with a crewai-hitl server.

Only this part imports crewAI. It builds on the client and the protocol, and does not use the
server's code. Users call :func:`enable` and :func:`disable`.
"""

from crewai_hitl_nb.crewai_needed import require_crewai

require_crewai()  # a clear error, before the first import of crewAI below

from crewai_hitl_nb.kernel.session import Switch  # noqa: E402

_switch = Switch()  # process-wide on purpose, as crewAI's hooks are

enable = _switch.on
enable_quietly = _switch.on_quietly
disable = _switch.off
is_enabled = _switch.is_on
session = _switch.session

__all__ = ["disable", "enable", "enable_quietly", "is_enabled", "session"]
