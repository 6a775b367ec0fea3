"""HTTP: serves the log and takes decisions, in a Jupyter server or standalone.

Below is the broker. A handler does four things: authenticate, decode, call the broker once,
encode. Only ``extension`` and ``standalone`` read configuration; ``routes`` is the table of what
is served where. Nothing here imports crewAI or a widget.
"""
