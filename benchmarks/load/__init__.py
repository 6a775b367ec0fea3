"""The load generator: C, because Python would measure itself (``load.c`` says what it does)."""
