"""Human input for flows: feedback, ``Flow.ask()``, durable pauses and resuming after them.

``patches.py`` installs all of it in crewAI. The public names are ``DurableFeedback`` and
``resume_pending``.
"""
