"""Approval before a tool or a model is called: gates, and what crewAI's own hooks ask."""
