"""Keeps events.

The protocol is below it, the broker above it. ``base`` states what every store guarantees.
``sqlite`` is the durable default; ``memory`` is the simple model that tests compare it with.
A store knows nothing of subscribers, connections or people.
"""
