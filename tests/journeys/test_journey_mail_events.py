"""What becomes of real sends at the carrier reaches omega by its signed events, doubled and shuffled too."""

import secrets

import pytest

# The sandbox's magic addresses: where each mail ends, and what stands in its client's consent.
FATES = {
    "anna": ("delivered", "unknown"),
    "deferred": ("delivered", "unknown"),
    "opens": ("read", "unknown"),
    "bounce": ("undelivered", "unknown"),
    "latebounce": ("undelivered", "unknown"),
    "blocked": ("undelivered", "unknown"),
    "dropped": ("undelivered", "unknown"),
    "spam": ("delivered", "opted_out"),
    "unsubscribe": ("delivered", "opted_out"),
}


def mail(scene, to, **fields):
    body = {"business_id": scene.business_id, "to": to, "subject": "Friday", "text": "See you at ten!"} | fields
    got = scene.post("/email/queue", body)
    assert got.status_code == 202, (got.status_code, got.text[:500])
    return got.json()


def consent(scene, sent):
    return scene.get(f"/businesses/{scene.business_id}/clients/{sent['client_id']}")["consent"]["email"]


def has_ended(scene, sent, fate):
    return (scene.status(sent), consent(scene, sent)) == FATES[fate]


@pytest.fixture(scope="module", params=[{}, {"duplicate": 1.0, "shuffle": True}], ids=["plainly", "shuffled twice"])
def sent(running, request):
    """One mail to each fate, all on their way at the same time."""
    running.heal()
    running.carrier("DELETE", "/suppressions")
    running.faults(callbacks=request.param)
    return {fate: mail(running, f"{fate}+{secrets.token_hex(4)}@journey.example") for fate in FATES}


@pytest.mark.parametrize("fate", FATES)
def test_the_events_of_a_real_send_reach_it(running, sent, fate):
    assert running.until(lambda: has_ended(running, sent[fate], fate), 20), (
        running.message(sent[fate]), consent(running, sent[fate]),
    )  # fmt: skip
    shown = running.message(sent[fate])
    ranks = ["queued", "sending", "sent", "delivered", "read", "undelivered"]
    steps = [ranks.index(line["status"]) for line in shown["history"]]
    assert steps == sorted(steps)
    if FATES[fate][0] == "undelivered":
        assert shown["error"]["retryable"] is (fate == "blocked")
        assert len(shown["error"]["message"]) > 20


@pytest.mark.parametrize(("fate", "reason"), [("bounce", "address_bounced"), ("spam", "opted_out")])
def test_the_next_mail_there_is_blocked(running, sent, fate, reason):
    running.until(lambda: has_ended(running, sent[fate], fate), 20)
    again = mail(running, running.message(sent[fate])["to"])
    assert again["status"] == "blocked"
    assert running.message(again)["error"]["code"] == reason


def test_events_that_overtake_the_answer_to_the_send_find_their_mail(scene):
    scene.faults(callbacks={"before_response": True})
    one = mail(scene, f"opens+{secrets.token_hex(4)}@journey.example")
    assert scene.until(lambda: scene.status(one) == "read", 20), scene.message(one)
    assert scene.until(lambda: scene.message(one)["provider_message_id"], 5)
