"""Delivers commits to readers: subscriptions, fan-out, heartbeats, bounded buffers."""
