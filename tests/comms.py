"""What the installed ipykernel can do with the messages of a widget."""

import pytest
from ipykernel._version import version_info

HEARD_WHILE_A_CELL_AWAITS = pytest.mark.skipif(
    version_info < (7, 4),
    reason="until ipykernel 7.4 a comm message waits for the cell, so only hitl.start() can be "
    "answered through the kernel",
)
"""Marks tests in which a cell awaits and is answered through its kernel."""
