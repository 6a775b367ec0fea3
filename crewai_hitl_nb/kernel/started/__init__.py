"""Runs in the background, as ``start()`` begins them: how they run and what they tell."""
