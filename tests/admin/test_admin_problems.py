"""The board of messages that did not go: grouped by reason, retried by group; nobody sees another's."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from accounts.models import AdminRole
from conversations.models import Message
from tests.admin.world import EVIL, a_business, a_thread, fails, says

pytestmark = pytest.mark.django_db
BOARD = "/admin/conversations/message/problems/"


def failed(thread, count=1, **fields):
    ids = [says(thread, f"No {n}") for n in range(count)]
    for message_id in ids:
        fails(message_id, **{"retryable": True} | fields)
    return ids


def retry(browser, **fields):
    return browser.post(f"{BOARD}retry/", {"channel": "sms", "status": "failed", "code": "30003", "days": "7"} | fields)


def statuses(ids):
    return sorted(Message.objects.filter(pk__in=ids).values_list("status", flat=True))


def test_reasons_are_grouped_with_counts_sentences_and_samples(browser):
    thread = a_thread()
    many, few = failed(thread, 4), failed(thread, 2, code="30005", retryable=False)
    page = browser.get(BOARD).content.decode()
    assert page.index('om-group__count">4<') < page.index('om-group__count">2<')
    assert "The phone is switched off." in page
    assert f"#{many[-1]}<" in page
    assert f"#{many[0]}<" not in page
    assert f"#{few[0]}<" in page
    assert page.count("Retry these") == 1
    assert page.count("Retry even permanent faults") == 2


def test_a_group_is_retried_and_no_other(browser):
    thread = a_thread()
    wanted, other = failed(thread, 3), failed(thread, 2, code="30005")
    assert retry(browser, follow="").status_code == 302
    assert statuses(wanted) == ["queued"] * 3
    assert statuses(other) == ["failed"] * 2
    assert "3 messages are queued again." in browser.get(BOARD).content.decode()


def test_unknown_and_permanent_ones_go_by_force_alone(browser):
    unknown = failed(a_thread(), 1, status="unknown", code="", retryable=False)
    retry(browser, status="unknown", code="")
    assert statuses(unknown) == ["unknown"]
    retry(browser, status="unknown", code="", force="1")
    assert statuses(unknown) == ["queued"]


@pytest.mark.parametrize("fields", [{"status": "blocked"}, {"status": "delivered"}, {"code": "x" * 65}, {"days": "x"}])
def test_nonsense_retries_nothing_that_is_not_in_the_group(browser, fields):
    ids = failed(a_thread(), 1, code="1")
    assert retry(browser, **fields).status_code == 302
    assert statuses(ids) == ["failed"]


def test_one_sees_and_retries_ones_own_alone(db):
    own, other = a_business(), a_business()
    mine, theirs = failed(a_thread(own)), failed(a_thread(other), 1, code="30008")
    user = User.objects.create_user("otto", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role="manager", business=own)
    manager = Browser()
    manager.force_login(user)
    page = manager.get(BOARD).content.decode()
    assert "30003" in page
    assert "30008" not in page
    retry(manager, code="30008")
    retry(manager)
    assert (statuses(mine), statuses(theirs)) == (["queued"], ["failed"])


def test_an_agent_looks_and_retries_nothing(db):
    own = a_business()
    ids = failed(a_thread(own))
    user = User.objects.create_user("ann", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role="agent", business=own)
    agent = Browser()
    agent.force_login(user)
    assert "Retry these" not in agent.get(BOARD).content.decode()
    assert retry(agent).status_code == 403
    assert statuses(ids) == ["failed"]


def test_words_of_a_provider_are_text_and_an_empty_board_says_what_to_do(browser):
    assert "Every message of this time went as it should." in browser.get(BOARD).content.decode()
    message = says(a_thread())
    fails(message, retryable=True)
    Message.objects.filter(pk=message).update(error_message=EVIL)
    assert EVIL not in browser.get(BOARD).content.decode()


def test_the_board_costs_the_same_for_few_and_for_many(browser, django_assert_max_num_queries):
    thread = a_thread()
    for n in range(12):
        failed(thread, 1, code=str(n))
    browser.get(BOARD)
    with django_assert_max_num_queries(12):
        browser.get(BOARD)
