"""The product for a team: `crewai-hitl serve`, several replicas over one log in PostgreSQL.

The same command with a SQLite file is the single server that a team is compared with.
"""

import sys
from pathlib import Path

from benchmarks.processes import CORES, Listening, cpu_seconds
from benchmarks.program import Bench
from benchmarks.results import PRODUCT
from benchmarks.scope import Scope
from benchmarks.targets.endpoints import Endpoints
from tests.jupyter_process import free_port

REPLICAS = 3
EVERYWHERE = set(CORES)
"""Servers, PostgreSQL and the peers that use it share the machine as its scheduler decides."""

_KEY = "a-key-for-the-benchmark"


class Server(Endpoints, Listening):
    """One server without Jupyter."""

    def __init__(
        self, scratch: Path, store: str, *, name: str = PRODUCT, cores: set[int] = EVERYWHERE
    ) -> None:
        """Start it.

        Args:
            scratch: Where its files are.
            store: A path, or the URL of a log.
            name: In the results.
            cores: Where it runs.
        """
        Endpoints.__init__(self, "", {"Authorization": f"Bearer {_KEY}"})
        self.name = name
        port = free_port()
        command = [sys.executable, "-m", "crewai_hitl_nb.cli", "serve", "--port", str(port)]
        given = {
            "CREWAI_HITL_API_KEY": _KEY,
            "CREWAI_HITL_STORE": store,
            "JUPYTER_RUNTIME_DIR": str(scratch),
        }
        Listening.__init__(self, command, port, scratch / "log", cores, given)


class Team:
    """The replicas of one log, which a load generator sees as one target."""

    name = PRODUCT

    def __init__(self, bench: Bench, store: str, *, cores: set[int] = EVERYWHERE) -> None:
        """Start them, each when the one before listens.

        Args:
            bench: Has a folder for each.
            store: The URL of the log.
            cores: Where they run.
        """
        self._scope = Scope()
        with self._scope:
            self.replicas = [
                self._scope.owns(Server(bench.folder("replica"), store, cores=cores))
                for _ in range(REPLICAS)
            ]
            self._scope = self._scope.pop_all()

    @property
    def ports(self) -> list[int]:
        """Their ports."""
        return [replica.port for replica in self.replicas]

    def cpu_seconds(self) -> float:
        """Return the processor time that they have used."""
        return sum(cpu_seconds(replica.pid) for replica in self.replicas)

    def stop(self) -> None:
        """End them."""
        self._scope.close()
