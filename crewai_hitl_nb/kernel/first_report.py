"""Says at ``enable()`` where questions appear, or why crews cannot ask.

It uses the bridge and what the client knows about servers; the session uses it.
"""

import sys
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Final

from crewai_hitl_nb import __version__
from crewai_hitl_nb.client.discovery import Endpoint, other_servers
from crewai_hitl_nb.client.jupyter_servers import version_fault, why_no_server
from crewai_hitl_nb.kernel.asking import print_notice
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol.errors import HitlError

HEALTH_SECONDS: Final = 2.0
"""How long the server's version may take; without it, nothing is said about versions."""


def report_no_server(*, in_a_notebook: bool) -> None:
    """Print why no server was found, and what that means for crews."""
    consequence = "a script's questions appear at its console"
    if in_a_notebook:
        consequence = "a crew that asks a question ends with an error"
    fault = why_no_server()
    print_notice(f"{fault}. Until this is fixed, {consequence}")


def report_places(bridge: Bridge, *, in_a_notebook: bool) -> None:
    """Print where questions appear, and what may be wrong with the server that was reached."""
    endpoint = bridge.endpoint
    _report_version(bridge)
    _report_choice(endpoint)
    if in_a_notebook:
        places = f"under the cell that asks, and at {endpoint.for_people}"
        sys.stdout.write(f"Questions appear {places}\n")
    else:
        print_notice(f"questions appear at {endpoint.for_people}")


def _report_version(bridge: Bridge) -> None:
    call = bridge.call(lambda client: client.health())
    try:
        version = call.result(HEALTH_SECONDS).version
    except FutureTimeout:  # another class than TimeoutError before Python 3.11
        call.cancel()
        return
    except HitlError:
        return
    fault = version_fault(version, __version__, bridge.endpoint) if version else None
    if fault is not None:
        print_notice(str(fault))


def _report_choice(chosen: Endpoint) -> None:
    others = other_servers(chosen)
    if others:
        print_notice(
            f"you have {len(others) + 1} servers running; questions go to {chosen.url}, which "
            f"started last. To choose another one, pass its url=: {', '.join(others)}"
        )
