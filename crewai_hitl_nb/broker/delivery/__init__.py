"""From a commit to each reader: subscriptions, fan-out, heartbeats, bounded buffers."""
