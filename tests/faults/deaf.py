"""Readers whose machine is gone: nobody acknowledges what is sent to them.

A filter of the socket itself (Linux, ``SO_ATTACH_FILTER``) drops every packet before TCP sees it,
which needs no privileges. A proxy cannot do this, because its own system acknowledges.
"""

import asyncio
import ctypes
import struct
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from socket import SOL_SOCKET
from typing import Final, TypeAlias

import pytest

from tests.faults.witness import socket
from tests.jupyter_process import JupyterProcess

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the filter")

_SO_ATTACH_FILTER: Final = 26

Wire: TypeAlias = asyncio.BaseTransport


class _Instruction(ctypes.Structure):
    """``struct sock_filter``; all zeros but for its code is "return 0": keep nothing."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


_RETURN: Final = 0x06


def deafen(wire: Wire) -> None:
    """Let nothing reach this connection any more."""
    nothing = (_Instruction * 1)(_Instruction(_RETURN, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(nothing))
    wire.get_extra_info("socket").setsockopt(SOL_SOCKET, _SO_ATTACH_FILTER, program)


@asynccontextmanager
async def _websocket(server: JupyterProcess) -> AsyncIterator[Wire]:
    async with socket(server.port, server.token) as connection:
        await connection.recv()
        yield connection.transport


@asynccontextmanager
async def _event_stream(server: JupyterProcess) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET /crewai-hitl/events/human-input?replay=none HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\nAuthorization: token %b\r\n\r\n"
        % (server.port, server.token.encode())
    )
    await reader.readuntil(b"event: heartbeat")
    try:
        yield writer.transport
    finally:
        writer.transport.abort()


READERS: Final[Mapping[str, Callable[[JupyterProcess], AbstractAsyncContextManager[Wire]]]] = {
    "websocket": _websocket,
    "sse": _event_stream,
}
