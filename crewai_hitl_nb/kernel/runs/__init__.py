"""Runs of crews and flows: where they began, how to stop them, and runs in the background."""
