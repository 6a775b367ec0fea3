"""Order, fan-out and the decisions about a log.

Below stands the store, above the server. The broker is the only writer of a store: what
it commits reaches every subscription in offset order, and of racing answers one wins.
It knows identities as names and nothing of HTTP, WebSocket or Jupyter.
"""
