"""``openapi.json`` and ``asyncapi.json``: what the server offers, for programs."""
