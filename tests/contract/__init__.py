"""omega from outside, in one process: what the HTTP contract promises, endpoint by endpoint."""
