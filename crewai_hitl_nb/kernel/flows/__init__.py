"""Flows: their feedback and their questions, the durable pause and what resuming needs.

``patches.py`` puts all of it into crewAI; the public names are in ``kernel/public/``.
"""
