"""What the agent sees with."""
