"""The connection to the server: publishes questions and receives their answers.

It keeps one connection open, on its own thread. It builds on the client, and ``asking.py`` uses
it. It depends on neither crewAI nor notebooks.
"""
