"""Calls: who may place one, whom it rings, what became of it."""
