"""What a Jupyter server holds at its start is left out of Python's full collections of cycles.

Why: a full collection looks at every object that there is and stops everything meanwhile. A Jupyter
server with its extensions loaded has 200,000 of them, which takes 0.1 to 0.2 s each time, and a
busy stream makes the next one due every few seconds. Nearly all are modules, classes and functions
that live as long as the process. ``gc.freeze`` is made for that: what is frozen is not looked at
again, and is still freed as soon as nobody refers to it. Only cycles among these objects that
become garbage later would stay.

Above: ``extension.py``, once the server is up; a standalone server may live in somebody's own
process, so it leaves this to them. Below: Python alone.
"""

import gc
from functools import cache


@cache
def leave_out_what_is_loaded() -> None:
    """Collect what is garbage by now, and freeze the rest; once in a process."""
    gc.collect()
    gc.freeze()
