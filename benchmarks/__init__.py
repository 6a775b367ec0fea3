"""The product beside its peers and the limit, in one run: ``python -m benchmarks``.

Above it: nothing; a person runs it, and ``docs/performance.md`` is written by it. Below it: the
product, reached over sockets alone as its users reach it, and the peers' servers. The product
knows nothing of it.
"""
