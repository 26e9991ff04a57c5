"""Onboarding in the admin: the board, a form that onboards by hand, invitations; and a business's own page."""

from onboarding.admin import board, businesses, records

__all__ = ["board", "businesses", "records"]
