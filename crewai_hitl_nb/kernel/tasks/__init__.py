"""Human input for tasks and training: crewAI's provider and the hook that installs it."""
