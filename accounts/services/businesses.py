"""Businesses: whether one exists, remembered, since it is asked with each request of a platform key."""

from accounts.models import Business

_known: set[int] = set()


def exists(business_id: int) -> bool:
    """True where there is such a business. A business is never deleted, so a yes is remembered."""
    if business_id in _known:
        return True
    if not Business.objects.filter(pk=business_id).exists():
        return False
    _known.add(business_id)
    return True
