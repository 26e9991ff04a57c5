"""Calls in the admin: a business's settings, each call with its legs, and what was recorded."""

from voice.admin import phone, records, settings

__all__ = ["phone", "records", "settings"]
