"""The server without Jupyter: its host, its keys, and the documents' own clients."""
