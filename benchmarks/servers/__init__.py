"""Servers that were written for the benchmark, each started as a process of its own."""
