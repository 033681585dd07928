"""Who makes pictures: a model on this machine, or a provider."""
