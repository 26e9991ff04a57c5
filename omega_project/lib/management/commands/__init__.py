"""Commands of lib."""
