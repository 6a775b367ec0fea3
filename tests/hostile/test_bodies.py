"""Bodies whose sender is refused: a Jupyter server says so at once, and keeps none of them."""

import pytest

from crewai_hitl_nb.protocol import limits
from tests.hostile.raw import connected, request
from tests.jupyter_process import JupyterProcess

pytestmark = pytest.mark.usefixtures("unharmed")

POST = b"POST /crewai-hitl/events HTTP/1.1"
SIZE = 5_000_000


def test_a_strangers_body_is_refused_before_it_is_sent(server: JupyterProcess) -> None:
    with connected(server) as connection:
        head = b"Host: 127.0.0.1:%d\r\nContent-Length: %d" % (server.port, SIZE)
        connection.send(b"\r\n".join((POST, head, b"", b"")))
        assert connection.read(b"}").startswith(b"HTTP/1.1 403 ")
        connection.send(b" " * SIZE)  # which is read and dropped: the connection goes on
        connection.send(request(server))
        assert connection.read(b"}").startswith(b"HTTP/1.1 200 ")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: JupyterProcess) -> None:
    with connected(server) as connection:
        length = b"Content-Length: %d" % (limits.MAX_BODY_BYTES + 1)
        connection.send(request(server, POST, length))
        said = connection.read(b"}")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"too_large" in said


def test_after_a_small_body_of_a_stranger_the_connection_goes_on(server: JupyterProcess) -> None:
    with connected(server) as connection:
        head = b"Host: 127.0.0.1:%d\r\nContent-Length: 2" % server.port
        for _ in range(2):
            connection.send(b"\r\n".join((POST, head, b"", b"{}")))
            assert connection.read(b"}").startswith(b"HTTP/1.1 403 ")
