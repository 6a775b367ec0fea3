"""Starts the targets that the plan names; what is not installed is said and left out."""

from collections.abc import Callable

from benchmarks.program import Bench
from benchmarks.results import PRODUCT
from benchmarks.targets.bare import BareLoop
from benchmarks.targets.base import Target
from benchmarks.targets.product import Product


def fan_out_targets(bench: Bench) -> list[Target]:
    """Return the product, its peers and the limit, all running side by side."""
    makers: dict[str, Callable[[], Target]] = {
        PRODUCT: lambda: Product(bench.folder(PRODUCT)),
        "bare loop": lambda: BareLoop(bench.folder("bare")),
    }
    return [bench.scope.owns(make()) for name, make in makers.items() if bench.plan.wants(name)]
