"""The way to the server: questions out, their ends back.

A thread of its own with one connection that is kept up. Below it is the client; above it is
``asking.py``. It knows neither crewAI nor notebooks.
"""
