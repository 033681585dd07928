"""Text on screen: reading it, laying it out in rows, telling overlays from content."""
