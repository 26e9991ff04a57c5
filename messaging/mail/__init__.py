"""A mail as a client wrote it, out of its bytes: parts, texts, files. Knows no Django, no database, and nobody's id."""
