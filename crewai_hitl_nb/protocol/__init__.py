"""The protocol: types and pure rules for everything that travels between the parts.

The store, the broker and the server use it on one side, the client, the kernel and the widget
on the other; both halves exchange only these types. Nothing in this package does I/O, uses
asyncio, or reads a clock: ids and times come from the caller. ``docs/protocol.md`` describes
the wire format.
"""
