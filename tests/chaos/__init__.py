"""Crashes and broken disks: what was promised is checked from the outside, after each blow."""
