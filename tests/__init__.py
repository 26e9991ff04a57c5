"""Tests that concern more than one app: the programs, the services they need, the sandbox, the whole."""
