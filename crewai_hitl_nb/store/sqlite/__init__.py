"""The durable store: one SQLite file, written by one thread."""
