"""Deliveries to real receivers over real connections."""
