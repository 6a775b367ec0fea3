"""The endpoints that deliver events as they happen: WebSocket, Server-Sent Events, long-poll."""
