"""Several servers with one log in PostgreSQL, each a process of its own."""
