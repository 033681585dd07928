"""From the evidence to a summary."""
