"""Starts the targets that the plan names; what is not installed is said and left out."""

from collections.abc import Callable
from typing import TypeVar

from benchmarks.program import Bench
from benchmarks.results import PRODUCT
from benchmarks.targets import documented, nchan
from benchmarks.targets.bare import BareLoop
from benchmarks.targets.base import Target
from benchmarks.targets.documented import Documented
from benchmarks.targets.nchan import Nchan
from benchmarks.targets.product import Product

BY_HTTP = f"{PRODUCT} by HTTP"
_Target = TypeVar("_Target", bound=Target)


def product(bench: Bench, *, sampled: bool = False) -> list[Product]:
    """Return the product; `sampled`: with a look at the lag of its loop."""
    return _start(bench, PRODUCT, lambda: Product(bench.folder(PRODUCT), sampled=sampled))


def product_by_http(bench: Bench) -> list[Product]:
    """Return the product once more, published to by HTTP with the token."""
    folder = "product-by-http"
    return _start(
        bench, BY_HTTP, lambda: Product(bench.folder(folder), name=BY_HTTP, publisher="http")
    )


def peers(bench: Bench) -> list[Target]:
    """Return the peers that are installed."""
    return [
        *_start(bench, "nchan", lambda: Nchan(bench.folder("nchan")), *_lacks_nchan()),
        *_start(bench, "FastAPI", lambda: Documented(bench.folder("fastapi")), *_lacks_fastapi()),
    ]


def limit(bench: Bench) -> list[Target]:
    """Return the bare loop."""
    return _start(bench, "bare loop", lambda: BareLoop(bench.folder("bare")))


def _lacks_nchan() -> list[str]:
    return [] if nchan.installed() else [nchan.MISSING]


def _lacks_fastapi() -> list[str]:
    return [] if documented.installed() else [documented.MISSING]


def _start(bench: Bench, name: str, make: Callable[[], _Target], *lacks: str) -> list[_Target]:
    if not bench.plan.wants(name):
        return []
    for reason in lacks:
        bench.say(reason)
    return [] if lacks else [bench.scope.owns(make())]
