"""One thing that a provider tells about a mail, in our words."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class MailEvent:
    """What became of a mail for one recipient.

    `kind` is a word of `services/mail_meanings.py`, empty where the vendor's word is unknown (`raw` keeps it).
    `message_id` and `attempt` are ours, as they went out with the mail. `provider_message_id` is the provider's id,
    or one that begins with it; `also_known_as` what else the provider may have called the mail, likeliest first;
    `rfc_message_id` its Message-ID without brackets. `address` is the recipient, in lower case. `at` is when the
    provider says that it happened, None where it does not say. `code` and `reason` explain a failure in the
    provider's words. `event_id` is unique at the provider, empty where it gives none.
    """

    kind: str
    message_id: int | None = None
    provider_message_id: str = ""
    address: str = ""
    at: datetime | None = None
    reason: str = ""
    code: str = ""
    is_temporary: bool = False
    is_machine: bool = False
    event_id: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    attempt: int = 0
    also_known_as: tuple[str, ...] = ()
    rfc_message_id: str = ""
    # What the failure says of the address: the recipient wants no mail, or there is no such mailbox.
    opts_out: bool = False
    is_dead_end: bool = False
    # The list that the recipient left or joined, where the provider keeps several.
    group: str = ""
