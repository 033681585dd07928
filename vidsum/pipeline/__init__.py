"""The stages, run in order and side by side."""
