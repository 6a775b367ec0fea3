"""Several servers over one log in PostgreSQL, under faults; ``histories.py`` is the checker."""
