"""``openapi.json`` and ``asyncapi.json``: descriptions of the API, for programs."""
