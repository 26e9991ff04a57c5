"""Signing a business up: the request, its steps, and what they set up at the providers."""
