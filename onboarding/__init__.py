"""Signing a business up: steps, provisioning. The room is kept for its issue; nothing is in it yet."""
