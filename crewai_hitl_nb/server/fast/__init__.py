"""Shortcuts past Tornado's general code, each with a plain way beside it."""
