"""Several servers on one log in PostgreSQL, each a process of its own."""
