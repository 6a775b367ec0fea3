"""The functions and classes that users call: the package exports each of them by name.

The top of kernel/: they ask the session of this process, and everything they use is below it.
"""
