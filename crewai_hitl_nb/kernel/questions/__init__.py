"""Builds questions: who asks, what, why, and how long the question may wait.

Pure: it converts crewAI's objects to the protocol's event. Every kind of question uses it.
"""
