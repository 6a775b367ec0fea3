"""The load generator refuses a run in which anything went wrong."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load import generator
from benchmarks.load.generator import Generator
from benchmarks.processes import SERVER_CORE, BenchError, Listening
from benchmarks.scope import Scope
from benchmarks.targets import base
from benchmarks.targets.bare import BareLoop
from benchmarks.targets.base import Transport
from tests.jupyter_process import free_port

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the generator is C")


class FaultyTarget(BareLoop):
    """Asked as a bare loop is, but another program."""

    def __init__(self, scratch: Path, fault: str) -> None:
        port = free_port()
        command = [sys.executable, "-m", "tests.benchmarks.faulty_loop", str(port), fault]
        Listening.__init__(self, command, port, scratch / "log", SERVER_CORE)


@pytest.fixture
def scope() -> Iterator[Scope]:
    with Scope() as scope:
        yield scope


def loaded(scope: Scope, target: BareLoop, transport: Transport, *, publishers: int) -> Generator:
    load = base.load(target, transport, 3, publishes=60, publishers=publishers)
    loaded = scope.owns(Generator(load))
    loaded.open()
    return loaded


@pytest.mark.parametrize("transport", ["ws", "sse"])
@pytest.mark.parametrize("publishers", [1, 4])
def test_what_arrives_whole_and_in_order_is_counted(
    scope: Scope, tmp_path: Path, transport: Transport, publishers: int
) -> None:
    target = scope.owns(BareLoop(tmp_path))
    generator = loaded(scope, target, transport, publishers=publishers)
    one_by_one = generator.publish(20)
    assert one_by_one.delivered == 60
    assert len(one_by_one.latencies) == 20
    assert all(latency > 0 for latency in one_by_one.latencies)
    assert generator.publish(40, outstanding=16).delivered == 180
    generator.quiet()


def test_subscribers_of_several_ports_are_counted_together(scope: Scope, tmp_path: Path) -> None:
    target = scope.owns(BareLoop(tmp_path))
    ports = (target.port, target.port)
    generator = scope.owns(Generator(base.load(target, "ws", 3, publishes=20, ports=ports)))
    generator.open()
    assert generator.store(20, outstanding=4).delivered == 60
    generator.quiet()


@pytest.mark.parametrize("transport", ["ws", "sse"])
@pytest.mark.parametrize("fault", ["lost", "doubled"])
def test_a_server_that_loses_or_doubles_events_has_no_result(
    scope: Scope, tmp_path: Path, fault: str, transport: Transport
) -> None:
    generator = loaded(scope, scope.owns(FaultyTarget(tmp_path, fault)), transport, publishers=1)
    with pytest.raises(BenchError, match=f"events were .*{fault}"):
        generator.publish(60, outstanding=8)


def test_two_subscribers_that_see_two_orders_are_noticed(scope: Scope, tmp_path: Path) -> None:
    target = scope.owns(FaultyTarget(tmp_path, "swapped"))
    generator = loaded(scope, target, "ws", publishers=2)
    with pytest.raises(BenchError, match="disordered"):
        generator.publish(60, outstanding=4)


def test_a_frame_that_is_cut_short_is_noticed(scope: Scope, tmp_path: Path) -> None:
    generator = loaded(scope, scope.owns(FaultyTarget(tmp_path, "cut")), "ws", publishers=1)
    with pytest.raises(BenchError):
        generator.publish(60, outstanding=8)


def test_an_event_that_never_comes_is_no_latency() -> None:
    answer: dict[str, object] = dict.fromkeys(("lost", "doubled", "disordered"), 0)
    answer |= {"stalled": True, "latency_ns": [], "wall_ns": 1, "cpu_ns": 1}
    answer |= {"delivered": 0, "bytes": 0}
    with pytest.raises(BenchError, match="never delivered"):
        generator.decode(answer)
    assert generator.decode(answer, may_stall=True).stalled


def test_a_missing_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="install a compiler"):
        generator.build(tmp_path)
