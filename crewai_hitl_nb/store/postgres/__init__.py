"""The log in PostgreSQL, which several servers share."""
