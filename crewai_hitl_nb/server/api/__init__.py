"""The HTTP endpoints that take one request and give one reply."""
