"""Out and in, end to end: what the carrier's ledger and the timeline say at the end of a conversation."""

import base64

import requests

from tests.journeys.scene import phone

# The smallest picture: one transparent pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def test_a_text_reaches_the_ledger_once_and_ends_delivered(scene):
    number = phone()
    sent = scene.send(number, "See you at nine")
    assert scene.end_of(sent) == "delivered"
    assert [one["body"] for one in scene.ledger(number)] == ["See you at nine"]
    shown = scene.message(sent)
    assert shown["provider_message_id"] == scene.ledger(number)[0]["id"]
    assert (shown["attempts"], shown["error"]) == (1, None)
    assert shown["sent_at"] <= shown["delivered_at"]
    steps = [line["status"] for line in shown["history"]]
    assert steps[0] == "queued"
    assert steps[-1] == "delivered"
    assert len(steps) == len(set(steps))


def test_a_reply_from_the_handset_stands_in_the_same_thread_unread(scene):
    number = phone()
    sent = scene.send(number, "Nine or ten?")
    scene.end_of(sent)
    assert scene.text(number, "Ten, please")["webhook"]["status"] == 200
    assert [one["body"] for one in scene.timeline(sent)] == ["Nine or ten?", "Ten, please"]
    thread = scene.conversation(sent)
    assert (thread["id"], thread["unread_count"]) == (sent["conversation_id"], 1)
    assert thread["last_message"]["direction"] == "inbound"


def test_a_webhook_fifty_times_at_once_is_one_message(scene):
    number = phone()
    sent = scene.send(number, "Hi")
    answers = scene.text(number, "Hello", copies=50)["webhooks"]
    assert {one["status"] for one in answers} == {200}
    assert [one["body"] for one in scene.timeline(sent)] == ["Hi", "Hello"]
    assert scene.conversation(sent)["unread_count"] == 1


def test_thirty_texts_to_one_client_leave_in_their_order(scene):
    number = phone()
    scene.faults(twilio={"latency_ms": 20})
    words = [f"number {n}" for n in range(30)]
    sent = [scene.send(number, one) for one in words]
    assert set(scene.ends_of(sent, 30).values()) == {"delivered"}
    assert [one["body"] for one in scene.ledger(number)] == words


def test_a_picture_is_fetched_by_a_job_and_its_link_answers(scene):
    number = phone()
    sent = scene.send(number, "Show me")
    picture = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    assert scene.text(number, "Here", media=[picture])["webhook"]["status"] == 200

    def fetched():
        media = scene.timeline(sent)[-1]["media"]
        return media and media[0]["size"] and media[0]

    item = scene.until(fetched)
    assert item, scene.timeline(sent)[-1]
    assert (item["content_type"], item["size"]) == ("image/png", len(PIXEL))
    got = requests.get(item["url"], timeout=5)
    assert (got.status_code, got.content) == (200, PIXEL)


def test_a_stop_from_the_handset_keeps_the_next_text_from_the_carrier(scene):
    number = phone()
    scene.end_of(scene.send(number, "before"))
    scene.text(number, "STOP")
    assert scene.send(number, "never")["status"] == "blocked"
    scene.text(number, "START")
    assert scene.end_of(scene.send(number, "after")) == "delivered"
    assert [one["body"] for one in scene.ledger(number)] == ["before", "after"]


def test_a_canceled_text_never_leaves(scene):
    number = phone()
    later = scene.send(number, "later", scheduled_at="2099-01-01T00:00:00Z")
    assert scene.post(f"/messages/{later['message_id']}/cancel", {}).status_code == 200
    now = scene.send(number, "now")
    assert scene.end_of(now) == "delivered"
    assert [one["body"] for one in scene.ledger(number)] == ["now"]
    assert scene.status(later) == "canceled"


def test_the_demo_is_ready_when_all_of_it_runs(scene):
    got = scene.until(lambda: requests.get(scene.omega.base_url + "/health/ready", timeout=5).status_code == 200)
    assert got


def test_reports_early_doubled_and_shuffled_end_right(scene):
    scene.faults(callbacks={"before_response": True, "duplicate": 1, "shuffle": True})
    good = [scene.send(phone(), f"good {n}") for n in range(15)]
    assert set(scene.ends_of(good, 30).values()) == {"delivered"}
    assert len(scene.ledger()) == 15
    for one in good:
        shown = scene.message(one)
        assert shown["provider_message_id"]
        assert shown["sent_at"]
        assert shown["delivered_at"]
        steps = [line["status"] for line in shown["history"]]
        assert len(steps) == len(set(steps)), steps
