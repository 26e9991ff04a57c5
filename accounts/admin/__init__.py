"""Who, in the admin: businesses and their people, senders, keys, and those who may log in here."""

from accounts.admin import businesses, clients, keys, logins, provider_accounts, senders

__all__ = ["businesses", "clients", "keys", "logins", "provider_accounts", "senders"]
