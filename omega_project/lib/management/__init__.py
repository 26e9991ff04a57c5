"""Commands of the machinery: each parses and starts one thing."""
