"""How the tiny Whisper in ../whisper was made and how good it is."""
