"""E-mail: what goes out, what is told of it, and what comes in."""
