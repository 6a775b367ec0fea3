"""The tests; a package so that its parts can share real pieces (`tests.jupyter_process`)."""
