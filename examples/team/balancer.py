"""HAProxy in front of a team's servers, with the configuration that the documentation shows."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from examples.team.programs import DemoError, bound, find, running

CONFIGURATION = Path(__file__).with_name("haproxy.cfg")
CHECK_SECONDS = 2
"""How often the documentation's HAProxy looks whether a server accepts work."""

_START_SECONDS = 15.0


@contextmanager
def load_balancer(
    urls: Sequence[str], port: int = 0, *, check_seconds: float = CHECK_SECONDS
) -> Iterator[str]:
    """Run HAProxy in front of these servers; yield its URL when it accepts connections.

    Args:
        urls: Where the servers listen, at most as many as the configuration has.
        port: Where HAProxy listens on 127.0.0.1, if it is free; 0 for any port.
        check_seconds: How often HAProxy looks whether a server accepts work.

    Raises:
        DemoError: HAProxy is not installed, or does not start.
    """
    program = check_haproxy()
    with tempfile.TemporaryDirectory(prefix="hitl-haproxy-") as folder, ExitStack() as stack:
        config, log = Path(folder, "haproxy.cfg"), Path(folder, "log")
        sink = stack.enter_context(log.open("wb"))
        with bound(port) as taken:
            number, port = taken.fileno(), taken.getsockname()[1]
            config.write_text(configuration(urls, f"fd@{number}", check_seconds))
            options = {"stdout": sink, "stderr": sink, "pass_fds": [number]}
            haproxy = stack.enter_context(running([program, "-db", "-f", config], **options))
        _await_port(haproxy, port, log)
        yield f"http://127.0.0.1:{port}/"


def check_haproxy() -> Path:
    """Return HAProxy's program; ``HAPROXY`` names another one than Debian's.

    Raises:
        DemoError: It is not installed.
    """
    folder = Path(os.environ.get("HAPROXY", "/usr/sbin/haproxy")).parent
    return find("haproxy", "haproxy", [folder])


def configuration(urls: Sequence[str], bind: str, check_seconds: float = CHECK_SECONDS) -> str:
    """Return the documentation's configuration with the addresses of this machine.

    Args:
        urls: Where the servers listen.
        bind: Where HAProxy listens, as it writes addresses.
        check_seconds: How often HAProxy looks whether a server accepts work.
    """
    addresses = iter([urlsplit(url).netloc for url in urls])
    documented, interval = f"inter {CHECK_SECONDS}s", f"inter {1000 * check_seconds:.0f}ms"
    text = CONFIGURATION.read_text()
    assert documented in text, "haproxy.cfg has another interval"
    lines = []
    for line in text.replace(documented, interval).splitlines():
        if line.lstrip().startswith("server "):
            address = next(addresses, None)
            lines += [re.sub(r"10\.0\.0\.\d+:8000", address, line)] if address else []
        else:
            lines.append(line.replace("bind :8000", f"bind {bind}"))
    assert next(addresses, None) is None, "haproxy.cfg has fewer servers"
    return "\n".join(lines) + "\n"


def _await_port(haproxy: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while haproxy.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise DemoError(f"HAProxy does not start: {log.read_text().strip()}")
