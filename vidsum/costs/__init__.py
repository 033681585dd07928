"""What finding out did cost."""
