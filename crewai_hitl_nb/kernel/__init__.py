"""The kernel half: connects the crews of this process with a crewai-hitl server.

The only part that imports crewAI. Below it are the client and the protocol; users call
:func:`enable` and :func:`disable`. It knows nothing of the server's insides.
"""
