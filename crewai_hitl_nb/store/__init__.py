"""Where events are kept.

Below stands the protocol, above the broker. ``base`` states what every store guarantees;
``sqlite`` is the durable default, ``memory`` the plain model that tests hold it equal to.
A store knows nothing of subscribers, connections or people.
"""
