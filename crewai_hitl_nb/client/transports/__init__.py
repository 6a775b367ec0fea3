"""The three ways to read a stream: ``websocket``, ``sse``, ``poll``.

Each module opens one connection and yields its decoded frames; the first
:class:`~crewai_hitl_nb.protocol.frames.Heartbeat` ends the replay. They raise ``ServerAway``
when the connection is lost, ``TransportUnusable`` when this transport does not reach the server,
and the server's refusals. They do not reconnect: ``stream.py`` does.
"""
