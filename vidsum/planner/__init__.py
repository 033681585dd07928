"""What a run would cost, and what fits under a cap."""
