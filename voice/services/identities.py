"""How a staff member's phone is named at the provider: by ids alone, in letters, digits and underscores."""

import re

# Twilio: alphanumeric and underscore, at most 256 (providers.md, 5); never a name or an address.
_IDENTITY = re.compile(r"^(?:client:)?b(\d{1,18})_s(\d{1,18})\Z", re.ASCII)
CLIENT = "client:"


def identity_of(*, business_id: int, staff_id: int) -> str:
    """The identity of a staff member of a business."""
    return f"b{business_id}_s{staff_id}"


def read_identity(text: str) -> tuple[int, int] | None:
    """The business and the staff member that an identity (or `client:` and one) names; None where it is not ours."""
    found = _IDENTITY.match(text)
    return (int(found[1]), int(found[2])) if found else None
