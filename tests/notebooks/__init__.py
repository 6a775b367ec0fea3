"""Tests that run the notebooks."""
