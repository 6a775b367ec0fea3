"""Flows: their feedback and their questions, the durable pause and the resuming after it.

``patches.py`` puts all of it into crewAI; the public names are ``DurableFeedback`` and
``resume_pending``.
"""
