"""The server half at its door: a real Jupyter server, spoken to over real connections."""
