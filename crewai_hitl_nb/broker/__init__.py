"""Publishes events, delivers them to subscriptions, and decides which answer wins.

The store is below it, the server above it. The broker is the only writer of a store: what it
commits reaches every subscription in offset order, and of racing answers one wins. It knows a
caller only by name, and nothing of HTTP, WebSocket or Jupyter.
"""
