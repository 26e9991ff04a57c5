"""The writes of messaging: one verb, one function, the one home of its side effects."""
