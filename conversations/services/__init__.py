"""The writes of conversations: one verb, one function, the one home of its side effects."""
