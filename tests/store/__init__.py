"""One body of tests for every store."""
