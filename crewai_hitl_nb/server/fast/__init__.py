"""Shortcuts past Tornado's general code; without each of them Tornado's own code serves."""
