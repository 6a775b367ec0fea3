"""Approval before a tool or a model is called: ``approve_tools()`` and crewAI's own hooks."""
