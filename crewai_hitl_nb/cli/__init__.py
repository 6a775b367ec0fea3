"""The command line ``crewai-hitl``: the server's endpoints for people and for pipes.

Below it is the client; above it nothing. One command stands in one file and ``main.py``
only assembles them. What costs time to import (the client, rich, a server) is imported
when a command runs, so that ``--help`` and the shell's completion answer at once. Only
``serve.py`` knows the server half.
"""
