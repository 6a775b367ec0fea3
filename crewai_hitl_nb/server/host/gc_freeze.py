"""Excludes everything loaded at a server's start from Python's full garbage collections.

Why: a full collection visits every object and stops all other work meanwhile. A Jupyter
server with its extensions loaded has 200,000 of them, which takes 0.1 to 0.2 s each time, and a
busy stream makes the next one due every few seconds. Nearly all are modules, classes and functions
that live as long as the process. ``gc.freeze`` is made for that: a frozen object is not visited
again, and is still freed as soon as nothing refers to it. Only cycles among these objects that
become garbage later would stay.

Above: ``runtime.py``, once the server is up, if the host asks for it; a standalone server may run
in an application's own process, so it does not ask. Below: Python alone.
"""

import gc
from functools import cache


@cache
def leave_out_what_is_loaded() -> None:
    """Collect the present garbage and freeze the rest; once in a process."""
    gc.collect()
    gc.freeze()
