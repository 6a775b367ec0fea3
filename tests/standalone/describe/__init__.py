"""Tests of openapi.json, asyncapi.json and the page docs/api.md, against a running server."""
