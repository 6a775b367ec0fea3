"""Webhooks: delivers the events of the log to URLs that the operator configured."""
