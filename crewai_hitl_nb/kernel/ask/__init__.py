"""``ask()`` and ``AskHumanTool``: questions from code and from agents, with typed answers."""
