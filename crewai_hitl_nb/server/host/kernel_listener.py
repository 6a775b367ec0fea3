"""A listener for the kernels of a Jupyter server that speaks TLS or listens on a Unix socket.

Kernels and scripts run on the server's machine. A certificate names the host that people see, and
is often self-signed; a socket has no URL. So there is a plain HTTP listener on loopback beside
them: for the paths of this extension and for callers with the kernel key only. It hands their
requests to the host's own routes, and bounds all others as the standalone server does
(``listener.py``). Above it is ``extension.py``.
"""

from typing import Any, Final

from tornado import netutil
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application

from crewai_hitl_nb.server.auth import kernel_key
from crewai_hitl_nb.server.host.listener import BoundedServer
from crewai_hitl_nb.server.services import Services

_LOOPBACK: Final = "127.0.0.1"


def is_needed(serverapp: Any) -> bool:
    """Return whether a plain HTTP client on this machine cannot use the host's own listener."""
    return bool(serverapp.sock or serverapp.certfile or serverapp.ssl_options)


class KernelListener:
    """The listener; it is open from its construction to :meth:`close`.

    Args:
        serverapp: The host, whose routes it uses.
        services: This extension's.

    Raises:
        OSError: There is no port on loopback.
    """

    def __init__(self, serverapp: Any, services: Services) -> None:
        sockets = netutil.bind_sockets(0, _LOOPBACK)
        self.port: int = sockets[0].getsockname()[1]
        self._http = BoundedServer(_ForKernels(serverapp.web_app, services))
        self._http.add_sockets(sockets)

    def close(self) -> None:
        """Accept no more connections; open ones end with the streams behind them."""
        self._http.stop()


class _ForKernels(Router):
    """Routes calls with the kernel key to this extension's paths; everything else gets 404."""

    def __init__(self, application: Application, services: Services) -> None:
        self._application = application
        self._services = services

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return the host's own handler for a call of a kernel."""
        ours = request.path.startswith(self._services.prefix)
        key = kernel_key.bearer(request)
        if ours and kernel_key.equal_in_constant_time(self._services.kernel_key, key):
            return self._application.find_handler(request, **kwargs)
        return None
