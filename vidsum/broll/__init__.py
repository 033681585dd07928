"""Generated B-roll: from a summary to pictures and clips that illustrate it."""
