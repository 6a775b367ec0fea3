"""Tests of the wheel: what it holds and what installing it does."""
