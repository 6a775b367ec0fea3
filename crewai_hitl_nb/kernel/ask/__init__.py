"""A person as a function, and as a tool of agents: questions with typed answers."""
