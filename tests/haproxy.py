"""HAProxy for tests, as an operator would put it in front of a team's servers.

Debian's package has it. It spreads connections in turn (no sticky sessions) and leaves servers out
whose health check fails.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.jupyter_process import free_port

_CONFIG = """
global
    stats socket {folder}/admin mode 600
defaults
    mode http
    option redispatch
    option http-no-delay
    retries 2
    timeout connect 2s
    timeout client 1m
    timeout server 1m
    timeout tunnel 1h
frontend team
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /health
{servers}
"""


@contextmanager
def load_balancer(urls: Sequence[str]) -> Iterator[str]:
    """Run it in front of these servers; yield its URL when it accepts connections."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not Path(program).exists():
        raise RuntimeError("HAProxy is needed: apt-get install haproxy")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hitl-haproxy-") as folder:
        servers = "\n".join(
            f"    server r{number} {httpx.URL(url).netloc.decode()} check inter 200ms fall 2"
            for number, url in enumerate(urls)
        )
        config = Path(folder, "haproxy.cfg")
        config.write_text(_CONFIG.format(folder=folder, port=port, servers=servers))
        running = subprocess.Popen([program, "-db", "-f", config], stderr=subprocess.PIPE)
        try:
            _await_port(running, port)
            yield f"http://127.0.0.1:{port}/"
        finally:
            running.terminate()
            running.communicate()


def _await_port(running: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        assert running.poll() is None, running.communicate()[1].decode()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("HAProxy does not listen")
