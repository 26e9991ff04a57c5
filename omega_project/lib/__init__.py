"""The bottom rung: what would serve any Django project. No app is known here."""
