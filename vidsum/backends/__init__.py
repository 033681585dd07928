"""Language models, in this process or behind a network address: a request in, a reply out."""
