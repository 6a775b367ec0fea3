"""Tasks with human input, and training: crewAI's provider and the hook that puts it in."""
