"""Questions at a terminal: their wording, the dialog that reads an answer, and sanitizing.

Without I/O: the command line (``cli/``) and the console of a script
(``kernel/screens/console.py``) drive the same dialog and sanitize the same texts. It builds on
the protocol and calls no server.
"""
