"""The writes of accounts: one verb, one function, the one home of its side effects."""
