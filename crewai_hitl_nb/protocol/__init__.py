"""The ground floor: what is said, in types and pure rules, by nobody in particular.

Above it stand the store, the broker and the server on one side and the client, the
kernel and the widget on the other; both halves speak only these types. Nothing in this
package does I/O, knows asyncio, or reads a clock: ids and times come from the caller.
The wire itself is described in ``docs/protocol.md``.
"""
