"""What holds for every test: crewAI stays quiet and offline, wherever it is imported.

Fixtures for one part (a real server process, a kernel, a browser) stand beside its tests; here is
only the database, which several parts need.
"""

import os
import signal
import sys
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.jupyter_process import QUIET_CREWAI
from tests.postgres import Cluster, cluster

os.environ.update(QUIET_CREWAI)

# Container images often keep Python from writing bytecode. Every server, kernel and script that
# the tests start would then compile each module anew: crewAI alone takes four seconds longer.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell without job control lets what runs in its background ignore Ctrl-C, and so would the
# scripts and kernels that these tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Durations of generated examples say nothing on a shared machine.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture(scope="session")
def database() -> Iterator[Cluster]:
    """A PostgreSQL server."""
    with cluster() as running:
        yield running


@pytest.fixture
def log_url(database: Cluster) -> str:
    """The URL of a log of this test alone."""
    return database.url(schema=f"log_{uuid.uuid4().hex}")


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A PostgreSQL server that the test may stop."""
    with cluster() as running:
        yield running
