"""Signing a business up: the door, the steps, what is made at the providers, and what a crash leaves."""
