"""How the tiny VLM in ../vlm was made and how good it is."""
