"""Who calls, what they may do, and how often: keys, names, rate limits."""
