"""The benchmarks' own checks: they can fail, and what they write is what was found."""
