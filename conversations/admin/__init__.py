"""The thread in the admin: clients, and records that only services write. The conversation's page is messaging's."""

from conversations.admin import clients, merges, personal, records

__all__ = ["clients", "merges", "personal", "records"]
