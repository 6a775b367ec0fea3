"""HTTP: the log and the decisions about it, at the door of a Jupyter server.

Below stands the broker. A handler does four things: authenticate, decode, call the broker
once, encode. ``app`` is the only module that reads configuration; ``routes`` is the table
of what is served where. Nothing here imports crewAI or a widget.
"""
