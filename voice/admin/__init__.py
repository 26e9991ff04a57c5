"""Calls in the admin: a business's settings, each call with its legs, and what was recorded."""

from voice.admin import records, settings

__all__ = ["records", "settings"]
