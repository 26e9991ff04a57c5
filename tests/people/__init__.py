"""Clients, staff and locations: lists, syncs, CSV and merges."""
