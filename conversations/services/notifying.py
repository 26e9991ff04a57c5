"""Telling staff: a row that the admin shows, and an e-mail where the staff member wants one."""

from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from accounts.models import Staff
from conversations.models import Conversation, Notification
from omega_project.lib import jobs

EMAIL_JOB = "conversations.jobs.email_notifications"
_MOST_ATTEMPTS = 5


def notify(*, conversation: Conversation, staff_ids: set[int], kind: str, text: str) -> None:
    """One notification for each of these staff members; e-mails go by a job after commit."""
    business_id = conversation.business_id
    _notify(business_id, staff_ids, kind=kind, text=text, conversation_id=conversation.pk)


def notify_of_business(*, business_id: int, staff_ids: set[int], kind: str, text: str) -> None:
    """As `notify`, of what is no conversation's."""
    _notify(business_id, staff_ids, kind=kind, text=text, conversation_id=None)


def _notify(business_id: int, staff_ids: set[int], *, kind: str, text: str, conversation_id: int | None) -> None:
    staff = list(Staff.objects.in_business(business_id).filter(pk__in=staff_ids, is_active=True))
    Notification.objects.bulk_create(
        Notification(
            business_id=business_id,
            staff=one,
            conversation_id=conversation_id,
            kind=kind,
            text=text[:512],
            email_due=bool(one.notify_by_email and one.email),
        )
        for one in staff
    )
    if any(one.notify_by_email and one.email for one in staff):
        jobs.enqueue("io", EMAIL_JOB)


def email_due(*, limit: int = 100) -> int:
    """Send the e-mails that are due, each row held while it is sent; how many went."""
    ids = list(Notification.objects.filter(email_due=True).order_by("id").values_list("pk", flat=True)[:limit])
    return sum(_email(one) for one in ids)


def _email(notification_id: int) -> bool:
    """Claim by conditional update first: two workers never send one notification twice."""
    claimed = Notification.objects.filter(pk=notification_id, email_due=True).update(
        email_due=False, emailed_at=timezone.now()
    )
    if not claimed:
        return False
    row = Notification.objects.select_related("staff").get(pk=notification_id)
    try:
        send_mail(f"omega: {row.text}", f"{row.text}\n", None, [row.staff.email])
    except OSError:
        _give_back(row)
        return False
    return True


def _give_back(row: Notification) -> None:
    attempts = row.email_attempts + 1
    with transaction.atomic():
        Notification.objects.filter(pk=row.pk).update(
            email_due=attempts < _MOST_ATTEMPTS, emailed_at=None, email_attempts=attempts
        )
