"""A question at a terminal: how it is said, and what a person is asked for.

Without I/O: the command line (``cli/``) and the console of a script (``kernel/screens/console.py``)
drive the same dialog and make the same texts harmless. Below it is the protocol; it knows
neither a server nor where the lines come from.
"""
