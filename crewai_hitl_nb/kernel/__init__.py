"""The kernel half: connects the crews of this process with a crewai-hitl server.

The only part that imports crewAI. Below it are the client and the protocol; users call
:func:`enable` and :func:`disable`. It knows nothing of the server's insides.
"""

from crewai_hitl_nb.kernel.session import Switch

_switch = Switch()  # process-wide on purpose: so are the hooks of crewAI that it holds

enable = _switch.on
enable_quietly = _switch.on_quietly
disable = _switch.off
is_enabled = _switch.is_on
session = _switch.session

__all__ = ["disable", "enable", "enable_quietly", "is_enabled", "session"]
