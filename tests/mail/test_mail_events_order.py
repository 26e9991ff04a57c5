"""Whatever order the events of a mail come in, and however they are cut into batches, it ends the same."""

import itertools
import random
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.models import Consent
from messaging.services.mail_events import apply_events
from tests.contract.world import a_studio
from tests.mail.reports import a_mail, lines, row, told

pytestmark = pytest.mark.django_db
PLAIN = ["processed", "deferred", "delivered", "opened", "clicked", "bounced", "dropped", "complained", "unsubscribed"]
RANK = ["queued", "sent", "delivered", "read", "undelivered"]


AN_HOUR_AGO = timezone.now() - timedelta(hours=1)


@st.composite
def several(draw):
    """What is told of one mail, numbered: kind, minute, reason, for now or for good, and the list that was left."""
    one = st.tuples(
        st.sampled_from([*PLAIN, "group_unsubscribed", "resubscribed"]), st.integers(-9, 50), st.sampled_from("ab"),
        st.booleans(), st.sampled_from(["", "7"]),
    )  # fmt: skip
    return list(enumerate(draw(st.lists(one, min_size=2, max_size=9))))


def events_of(mail, items):
    return [
        told(mail, kind, at=AN_HOUR_AGO + timedelta(minutes=minute), reason=reason, is_temporary=soft, group=group,
             event_id=f"e{number}")
        for number, (kind, minute, reason, soft, group) in items
    ]  # fmt: skip


def ended(studio, items, cuts=()):
    """What becomes of a new mail by these events, told in batches that end at `cuts`."""
    with transaction.atomic():
        mail = a_mail(studio, status="queued", provider_message_id=None, created_at=AN_HOUR_AGO)
        events = events_of(mail, items)
        for begin, end in itertools.pairwise([0, *sorted(cuts), len(events)]):
            apply_events(events[begin:end], source="sendgrid")
        found = outcome(mail)
        transaction.set_rollback(True)
    return found


def outcome(mail):
    now = row(mail)
    consent = Consent.objects.filter(address=mail.to_address).first()
    return {
        "status": now.status,
        "error": (now.error_code, now.error_message, now.error_retryable),
        "history": lines(mail),
        "details": list(now.events.values_list("detail", flat=True)),
        "times": [now.sent_at, now.delivered_at, now.mail.opened_at, now.mail.clicked_at, now.mail.complained_at],
        "consent": consent and (consent.state, bool(consent.bounced_at), consent.bounce_reason),
    }


quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(items=several(), seed=st.integers(0, 1000))
def test_every_order_in_one_batch_ends_the_same(items, seed):
    studio, shuffled = a_studio(), list(items)
    random.Random(seed).shuffle(shuffled)
    assert ended(studio, shuffled) == ended(studio, items) == ended(studio, items[::-1])


@quick
@given(items=several(), cuts=st.sets(st.integers(0, 9), max_size=4))
def test_however_it_is_cut_into_batches_the_status_is_the_same_and_never_went_back(items, cuts):
    studio = a_studio()
    whole, parts = ended(studio, items), ended(studio, items, [one for one in cuts if one <= len(items)])
    assert parts["status"] == whole["status"]
    for steps in (whole["history"], parts["history"]):
        ranks = [RANK.index(after) for _, after in steps]
        assert ranks == sorted(ranks)
        assert all(RANK.index(before) <= RANK.index(after) for before, after in steps)
