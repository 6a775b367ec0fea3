"""Webhooks: the log delivered to addresses outside."""
