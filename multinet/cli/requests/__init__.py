"""What the agent did for its last requests: ``multinet events``, ``trace``, ``record``, ``replay``."""
