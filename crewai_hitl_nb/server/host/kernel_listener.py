"""A way in for the kernels of a Jupyter server that speaks TLS or listens on a Unix socket.

Kernels and scripts run on the server's machine. A certificate names the host that people see, and
is often signed by itself; a socket has no URL. So beside them there is a plain listener on
loopback: for the paths of this extension alone, and for nobody but whoever has the kernel key.
What is let in goes to the host's own routes; what is not takes up no more than at a standalone
server (``listener.py``). Above it is ``extension.py``.
"""

from typing import Any, Final

from tornado import netutil
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application

from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.base import Services
from crewai_hitl_nb.server.host.listener import BoundedServer

_LOOPBACK: Final = "127.0.0.1"


def is_needed(serverapp: Any) -> bool:
    """Say whether a plain HTTP client on this machine cannot speak to the host's own listener."""
    return bool(serverapp.sock or serverapp.certfile or serverapp.ssl_options)


class KernelDoor:
    """The listener, open from its making to :meth:`close`.

    Args:
        serverapp: The host, whose routes it has.
        services: Ours.

    Raises:
        OSError: There is no port on loopback.
    """

    def __init__(self, serverapp: Any, services: Services) -> None:
        sockets = netutil.bind_sockets(0, _LOOPBACK)
        self.port: int = sockets[0].getsockname()[1]
        self._http = BoundedServer(_ForKernels(serverapp.web_app, services))
        self._http.add_sockets(sockets)

    def close(self) -> None:
        """Accept no more; what is open ends with the streams behind it."""
        self._http.stop()


class _ForKernels(Router):
    """Lets the kernel key in, to this extension's paths. Everything else is not there (404)."""

    def __init__(self, application: Application, services: Services) -> None:
        self._application = application
        self._services = services

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return the host's own handler for a call of a kernel."""
        ours = request.path.startswith(self._services.prefix)
        if ours and kernel_key.same(self._services.kernel_key, kernel_key.bearer(request)):
            return self._application.find_handler(request, **kwargs)
        return None
