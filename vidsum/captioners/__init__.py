"""One sentence or two about each kept picture."""
