"""Models that are good today: which there are, where they lie on this machine, how to get them."""
