"""What a question says: who asks, what, why, and how long it may wait.

Pure, from crewAI's objects to the protocol's event. Every kind of asking builds on it.
"""
