"""The three ways to read a stream: ``websocket``, ``sse``, ``poll``.

Each module opens one connection and yields what comes down it, decoded; the first
:class:`~crewai_hitl_nb.protocol.frames.Heartbeat` says that the replay is over. They
raise ``ServerAway`` when the connection is lost, ``TransportUnusable`` when the server
does not speak this transport here, and the server's refusals. None of them reconnects:
``stream.py`` does.
"""
