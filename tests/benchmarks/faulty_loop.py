"""The bare loop of the benchmarks with one fault: ``faulty_loop PORT FAULT``.

Only its first subscriber meets the fault: ``lost`` leaves out every third event, ``doubled``
sends every third one twice, ``swapped`` turns each pair of events around, and ``cut`` ends a
frame too early.
"""

import socket
import sys

from benchmarks.servers.bare_loop import BareLoop


class FaultyLoop(BareLoop):
    def __init__(self, port: int, fault: str) -> None:
        super().__init__(port, joined=False)
        self._fault = fault
        self._sent = 0
        self._kept = b""

    def _send(self, peers: dict[int, socket.socket], data: bytes) -> None:
        if not peers:
            return
        first, *others = peers.values()
        super()._send(dict(enumerate(others)), data)
        self._sent += 1
        for part in self._spoiled(data):
            first.send(part)

    def _spoiled(self, data: bytes) -> list[bytes]:
        third = self._sent % 3 == 0
        if self._fault == "swapped":
            kept, self._kept = self._kept, b"" if self._kept else data
            return [data, kept] if kept else []
        if self._fault == "lost":
            return [] if third else [data]
        if self._fault == "cut":
            return [data[:-20] if third else data]
        return [data, data] if third and self._fault == "doubled" else [data]


if __name__ == "__main__":
    FaultyLoop(int(sys.argv[1]), sys.argv[2]).serve()
