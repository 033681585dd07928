"""A result as a page, as text, or as JSON."""
