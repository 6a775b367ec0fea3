"""The command line ``crewai-hitl``: the server's endpoints, for people and for scripts.

It builds on the client; nothing builds on it. Each command has a file of its own, and
``main.py`` assembles them. Slow imports (the client, rich, a server) happen when a command
runs, so that ``--help`` and shell completion respond at once. Only ``serve.py``, ``keys.py``,
``salvage.py``, ``trail.py`` and ``database_checks.py`` import the server half.
"""
