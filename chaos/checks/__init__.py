"""The checks, by what they look at: each is given the evidence and says what is broken."""
