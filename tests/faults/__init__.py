"""Faults of the network between a client and a server."""
