"""The functions and classes that users call; the package exports each of them by name.

They are the top of ``kernel/``: they use the session of this process, and all other rooms of
``kernel/`` are below them.
"""
